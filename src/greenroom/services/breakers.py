"""Breakers: which destinations are in trouble, shared by all workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenroom.context import Context, snapshot
from greenroom.errors import TryLater
from greenroom.model.attempts import Ended
from greenroom.model.breakers import Breaker, Health, is_down
from greenroom.store import breakers as breaker_rows
from greenroom.store.db import Tx, from_ms

#: the pause of an account whose ATS says that there were too many requests, and not for how long
UNSAID = timedelta(seconds=30)


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


async def record(tx: Tx, ended: Sequence[Ended], *, watched: Set[str]) -> None:
    """
    Note what attempts say of their destinations, inside the transaction that settles them.

    A good answer is noted only where the destination is `watched`, that is, was seen in trouble.
    """
    telling: defaultdict[str, list[Ended]] = defaultdict(list)
    for one in ended:
        if _is_down(one) or _asked(one) or (one.claimed.destination_id in watched and one.exchange.status is not None):
            telling[one.claimed.destination_id].append(one)
    for destination_id in sorted(telling):  # always locked in the same order
        breaker: Breaker | None
        breaker, now = await breaker_rows.lock(tx, destination_id)
        for one in telling[destination_id]:
            breaker = _after(breaker or Breaker(), one, now)
        await breaker_rows.save(tx, destination_id, breaker)


def _after(breaker: Breaker, one: Ended, now: int) -> Breaker | None:
    if one.fault is not None and _is_down(one):
        return breaker.failed(one.fault.reason, now)
    if one.fault is not None and (asked := _asked(one)):
        return breaker.paused(one.fault.reason, int(asked.total_seconds() * 1000), now)
    return breaker.answered(now)


def _is_down(one: Ended) -> bool:
    return is_down(one.fault, one.exchange.status)


def _asked(one: Ended) -> timedelta | None:
    """The pause that an ATS asks for, whether it says how long or not; a webhook's concerns the one delivery."""
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
