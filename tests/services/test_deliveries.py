"""Settling, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from greenroom.context import Context
from greenroom.engine.places import LEASE, LONGEST
from greenroom.errors import RemoteError, TryLater
from greenroom.model.attempts import Ended, Exchange
from greenroom.model.claims import Turn
from greenroom.model.deliveries import SHARES, Claimed
from greenroom.services import claims, deliveries
from greenroom.store.db import Store
from tests.support.queues import PROJECT, context, queue

REFUSED = TryLater("It answered 500.", kind="http_status")


def ended(claimed: Claimed, fault: RemoteError | None) -> Ended:
    return Ended(
        f"att_{claimed.attempt}",
        claimed,
        datetime.now(UTC),
        timedelta(0),
        fault,
        Exchange(status=500 if fault else 200),
    )


async def state_after(ctx: Context, one: Ended, worker: str = "w") -> str | None:
    """Where settling it alone leaves its delivery; None: nowhere, its lease was gone."""
    (settled,) = await deliveries.settle(ctx, [one], worker=worker)
    return settled.state if settled else None


async def test_an_attempt_is_on_record_once(store: Store) -> None:
    """The database had committed, its answer was lost, and the worker tries again to write down the same attempt."""
    ctx = context(store)
    await queue(store, {"whk_1": 1})
    looked = await claims.claim(
        ctx, {name: Turn() for name in SHARES}, dict.fromkeys(SHARES, 1), lease=LEASE, longest=LONGEST
    )
    (claimed,) = looked.claimed
    for state in ("pending", None):
        assert await state_after(ctx, ended(claimed, REFUSED)) == state

    found = await deliveries.get(ctx, PROJECT, claimed.id)
    assert (found.state, found.attempts_made, len(found.attempts)) == ("pending", 1, 1)


async def test_a_late_attempt_is_on_record_and_changes_nothing(store: Store) -> None:
    """Its worker stood still until its lease had ended, and another one has delivered meanwhile."""
    ctx = context(store)
    await queue(store, {"whk_1": 1})
    held: list[Claimed] = []
    for _ in range(2):
        looked = await claims.claim(
            ctx, {name: Turn() for name in SHARES}, dict.fromkeys(SHARES, 1), lease=LEASE, longest=LONGEST
        )
        held += looked.claimed
        await store.write(
            lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1", int(LEASE.total_seconds() * 1000))
        )
    late, other = held

    assert await state_after(ctx, ended(other, None), worker="other") == "delivered"
    assert await state_after(ctx, ended(late, REFUSED), worker="late") is None
    found = await deliveries.get(ctx, PROJECT, late.id)
    assert (found.state, found.last_error) == ("delivered", None)
    assert sorted((one.number, one.worker) for one in found.attempts) == [(1, "late"), (2, "other")]
