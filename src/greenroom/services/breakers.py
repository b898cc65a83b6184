"""Circuit breakers of destinations, shared by all workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.errors import TryLater
from greenroom.model.attempts import FinishedAttempt
from greenroom.model.breakers import ALERT_AFTER, Breaker, Failure, Health, add_failure, is_down
from greenroom.services import alerts
from greenroom.store import breakers as breaker_rows
from greenroom.store.db import Tx, from_ms

#: pause of an account whose ATS answered 429 without Retry-After
UNSAID = timedelta(seconds=30)


@dataclass(frozen=True)
class Condition:
    """
    The health of a destination.

    `open_until` is when the next probe may be sent, or None unless the breaker is open.
    """

    state: Health = "closed"
    consecutive_failures: int = 0
    open_until: datetime | None = None
    last_error: str | None = None


@snapshot
async def conditions(_: Context, tx: Tx, destination_ids: Sequence[str]) -> dict[str, Condition]:
    """Returns the health of each of these destinations."""
    return await read_conditions(tx, destination_ids)


async def read_conditions(tx: Tx, destination_ids: Sequence[str]) -> dict[str, Condition]:
    """Does the same as `conditions`, inside another service's snapshot."""
    found = await breaker_rows.find(tx, destination_ids)
    return {id_: _condition(*found[id_]) if id_ in found else Condition() for id_ in destination_ids}


async def record(ctx: Context, tx: Tx, ended: Sequence[FinishedAttempt], *, watched: Set[str]) -> None:
    """
    Records the outcome of attempts in their destinations' breakers.

    Runs inside the transaction that records the attempts. Publishes an alert when a webhook fails repeatedly, and when
    it recovers. A success counts only if its destination is `watched`: it had a breaker row when claimed.
    """
    relevant: defaultdict[str, list[FinishedAttempt]] = defaultdict(list)
    for one in ended:
        if one.claimed.destination_id in watched if one.fault is None else one.fault.kind != "internal":
            relevant[one.claimed.destination_id].append(one)
    # breakers are locked before any alert is published, always in the same order, which avoids deadlocks
    breakers = {id_: await breaker_rows.lock(tx, id_) for id_ in sorted(relevant)}
    for destination_id, (before, now) in breakers.items():
        breaker = before
        for one in relevant[destination_id]:
            breaker = replace(_after(breaker, one, now), failure=_failure(breaker.failure, one, now))
        breaker = await _publish_alert(ctx, tx, relevant[destination_id][-1], before, breaker)
        await breaker_rows.save(tx, destination_id, breaker if breaker != Breaker() else None)


async def _publish_alert(ctx: Context, tx: Tx, last: FinishedAttempt, before: Breaker, breaker: Breaker) -> Breaker:
    """Publishes a failing or recovered webhook; returns its breaker with the alert noted."""
    claimed = last.claimed
    if before.notified and not breaker.notified:
        await alerts.publish_recovered(ctx, tx, claimed.project_id, claimed.destination_id)
    elif last.fault is not None and claimed.lane == "vendor" and not breaker.notified:
        worn = breaker.failures >= ALERT_AFTER or claimed.step >= ALERT_AFTER
        if worn and await alerts.publish_failing(ctx, tx, claimed.destination_id, last.fault.reason):
            return replace(breaker, notified=True, last_error=last.fault.reason)
    return breaker


def _after(breaker: Breaker, one: FinishedAttempt, now: int) -> Breaker:
    if one.fault is not None and _is_down(one):
        return breaker.failed(one.fault.reason, now)
    if one.fault is not None and (asked := _asked(one)):
        return breaker.paused(one.fault.reason, int(asked.total_seconds() * 1000), now)
    return breaker.answered(now, well=one.fault is None) if one.exchange.status is not None else breaker


def _failure(before: Failure | None, one: FinishedAttempt, now: int) -> Failure | None:
    """Returns the failures since the last success, after one more attempt."""
    if one.fault is None:
        return None
    return add_failure(before, one.fault, one.exchange.status, one.claimed.id, now)


def _is_down(one: FinishedAttempt) -> bool:
    return is_down(one.fault, one.exchange.status)


def _asked(one: FinishedAttempt) -> timedelta | None:
    """
    Returns how long an ATS asked to pause, or None.

    A webhook's Retry-After postpones the one delivery and pauses nothing else.
    """
    if isinstance(one.fault, TryLater) and one.exchange.status == 429 and one.claimed.lane == "ats":
        return one.fault.wait or UNSAID
    return None


def _condition(breaker: Breaker, now: int) -> Condition:
    return Condition(
        state=breaker.health(now),
        consecutive_failures=breaker.failures,
        open_until=from_ms(breaker.open_until) if breaker.open_until > now else None,
        last_error=breaker.last_error or None,
    )
