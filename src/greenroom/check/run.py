"""Runs the checks of one area in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from greenroom.check.model import Check, Finding, Outcome, Report, Status, Suite
from greenroom.errors import GiveUp, RemoteError
from greenroom.model.events import stamp

S = TypeVar("S")


async def run(
    suite: Suite[S],
    subject: S,
    *,
    target: str,
    seed: int,
    tell: Callable[[Outcome], None] | None = None,
    leave_out: frozenset[str] = frozenset(),
) -> Report:
    """
    Runs each check once; `tell` gets every outcome as soon as it is known.

    Raises:
        GiveUp: the target must not be called.
    """
    started_at = stamp(datetime.now(UTC))
    outcomes = []
    for check in suite.checks:
        if check.id in leave_out:
            continue
        outcome = await _judge(check, subject)
        outcomes.append(outcome)
        if tell is not None:
            tell(outcome)
    return Report(suite.area, target, started_at, seed, tuple(outcomes))


async def _judge(check: Check[S], subject: S) -> Outcome:
    started = time.monotonic()
    status: Status = "passed"
    curl = None
    try:
        proof = await check.run(subject)
    except Finding as finding:
        status, proof, curl = finding.status, finding.proof, finding.curl
    except GiveUp:
        raise
    except RemoteError as error:
        status, proof = "failed", f"No answer: {error.reason}"
    ms = round((time.monotonic() - started) * 1000)
    return Outcome(check.id, check.title, check.why, check.fix, status, proof, ms, curl)
