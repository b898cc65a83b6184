"""Breakers: which destinations are in trouble, shared by all workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from greenroom.context import Context, snapshot
from greenroom.errors import RemoteError, TryLater
from greenroom.model.breakers import Breaker, Health, is_down
from greenroom.model.deliveries import Claimed
from greenroom.store import breakers as breaker_rows
from greenroom.store.db import Tx, from_ms


@dataclass(frozen=True)
class Condition:
    """How a destination does. `open_until` is when the next probe may leave, None unless it is open."""

    state: Health = "closed"
    consecutive_failures: int = 0
    open_until: datetime | None = None
    last_error: str | None = None


@snapshot
async def conditions(_: Context, tx: Tx, destination_ids: Sequence[str]) -> dict[str, Condition]:
    """How each of these destinations does."""
    found = await breaker_rows.find(tx, destination_ids)
    return {id_: _condition(*found[id_]) if id_ in found else Condition() for id_ in destination_ids}


async def record(tx: Tx, claimed: Claimed, fault: RemoteError | None, status: int | None, *, watched: bool) -> None:
    """
    Note what an attempt says of its destination, inside the transaction that settles it.

    A good answer is noted only where the destination is `watched`, that is, was seen in trouble.
    """
    asked = fault.wait if isinstance(fault, TryLater) and status == 429 and claimed.lane == "ats" else None
    down = is_down(fault, status)
    if not (down or asked or (watched and status is not None)):
        return
    breaker, now = await breaker_rows.lock(tx, claimed.destination_id)
    changed: Breaker | None
    if fault is not None and down:
        changed = breaker.failed(fault.reason, now)
    elif fault is not None and asked:
        changed = breaker.paused(fault.reason, int(asked.total_seconds() * 1000), now)
    else:
        changed = breaker.answered(now)
    await breaker_rows.save(tx, claimed.destination_id, changed)


def _condition(breaker: Breaker, now: int) -> Condition:
    return Condition(
        state=breaker.health(now),
        consecutive_failures=breaker.failures,
        open_until=from_ms(breaker.open_until) if breaker.open_until > now else None,
        last_error=breaker.last_error or None,
    )
