"""Attempts that are recorded together, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from greenroom.context import Context
from greenroom.engine.slots import LEASE, LONGEST
from greenroom.errors import RemoteError, TryLater
from greenroom.model.attempts import Exchange, FinishedAttempt
from greenroom.model.breakers import OPENS_AT
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import PATIENCE, SHARES, Claimed, State
from greenroom.services import claims, deliveries
from greenroom.services.claims import WorkerState
from greenroom.store.db import Store
from tests.services.test_breakers import let_pass, opened
from tests.support.queues import PROJECT, context, queue

WEEK_MS = int(PATIENCE.total_seconds() * 1000)


async def claim(ctx: Context) -> list[Claimed]:
    turns = {name: Cursor() for name in SHARES}
    return (await claims.claim(ctx, turns, SHARES, WorkerState("wrk"), lease=LEASE, longest=LONGEST)).claimed


async def expire(store: Store) -> None:
    """Makes every lease and every wait expire."""
    await store.write(lambda tx: tx.run("UPDATE deliveries SET due_at = now_ms() - 1 WHERE state = 'pending'"))


def ended(ctx: Context, claimed: Claimed, fault: RemoteError | None = None, status: int = 200) -> FinishedAttempt:
    return FinishedAttempt(ctx.new_id("att"), claimed, datetime.now(UTC), timedelta(0), fault, Exchange(status=status))


async def record(ctx: Context, batch: list[FinishedAttempt], *, worker: str) -> list[State | None]:
    return [one and one.state for one in await deliveries.record_attempts(ctx, batch, worker=worker)]


async def stands(ctx: Context, delivery_id: str) -> tuple[str, list[tuple[int, int | None]]]:
    """Returns a delivery's state, and the number and status of each of its attempts."""
    found = await deliveries.get(ctx, PROJECT, delivery_id)
    return found.state, sorted((attempt.number, attempt.status) for attempt in found.attempts)


async def test_each_is_settled_by_what_became_of_it(store: Store) -> None:
    """One transaction records a success, a failure and a last failure."""
    ctx = context(store)
    await queue(store, {"whk_1": 2})
    good, bad = await claim(ctx)
    fault = TryLater("It answered 503.", kind="http_status")

    states = await record(ctx, [ended(ctx, good), ended(ctx, bad, fault, 503)], worker="w")

    assert states == ["delivered", "pending"]
    assert await stands(ctx, good.id) == ("delivered", [(1, 200)])
    assert await stands(ctx, bad.id) == ("pending", [(1, 503)])
    again = await deliveries.get(ctx, PROJECT, bad.id)
    assert (again.last_error, again.in_flight, again.attempts[0].error) == (fault.reason, False, fault.reason)
    assert again.attempts[0].next_due_at is not None


async def test_a_lease_that_has_passed_is_anothers_and_the_others_are_settled(store: Store) -> None:
    """The attempt is recorded all the same, and the delivery is left to the worker that holds its lease."""
    ctx = context(store)
    await queue(store, {"whk_1": 1})
    (slept,) = await claim(ctx)
    await expire(store)
    (taken,) = await claim(ctx)
    await queue(store, {"whk_1": 2})
    first, last = await claim(ctx)
    fault = TryLater("No connection.", kind="connect")

    states = await record(ctx, [ended(ctx, first), ended(ctx, slept, fault, 503), ended(ctx, last)], worker="w")

    assert states == ["delivered", None, "delivered"]
    assert await stands(ctx, slept.id) == ("pending", [(1, 503)])
    assert (await deliveries.get(ctx, PROJECT, slept.id)).in_flight
    assert await record(ctx, [ended(ctx, taken)], worker="w2") == ["delivered"]


async def test_of_two_attempts_at_one_delivery_the_last_claim_decides(store: Store) -> None:
    """A worker that slept past its lease and claimed the delivery again records both attempts in one batch."""
    ctx = context(store)
    await queue(store, {"whk_1": 1})
    (slept,) = await claim(ctx)
    await expire(store)
    (taken,) = await claim(ctx)

    states = await record(ctx, [ended(ctx, taken, status=204), ended(ctx, slept)], worker="w")

    assert states == ["delivered", None]
    assert await stands(ctx, slept.id) == ("delivered", [(1, 200), (2, 204)])


async def test_what_is_written_twice_is_on_record_once(store: Store) -> None:
    """A batch is repeated after the connection broke between the commit and its answer."""
    ctx = context(store)
    await queue(store, {"whk_1": 1})
    batch = [ended(ctx, one) for one in await claim(ctx)]

    assert await record(ctx, batch, worker="w") == ["delivered"]
    assert await record(ctx, batch, worker="w") == [None]
    assert await stands(ctx, batch[0].claimed.id) == ("delivered", [(1, 200)])


async def test_what_waits_for_an_endpoint_that_never_comes_back_is_given_up(store: Store) -> None:
    """Deliveries overdue by a week behind an open breaker are dead-lettered; others stay pending."""
    ctx = context(store)
    await opened(ctx)
    await queue(store, {"whk_well": 3})
    await let_pass(store, WEEK_MS - 60_000)
    await open_again(store)
    assert await deliveries.dead_letter_overdue(ctx) == 0

    await let_pass(store, 120_000)
    await queue(store, {"whk_1": 1})
    await open_again(store)
    given_up = await deliveries.dead_letter_overdue(ctx)

    assert (given_up, await deliveries.dead_letter_overdue(ctx)) == (OPENS_AT + 20, 0)
    dead = await deliveries.list_deliveries(ctx, PROJECT, {"state": "dead"}, before=None, limit=100)
    assert {(one.destination_id, one.last_error) for one in dead} == {
        ("whk_1", "The delivery was due for 7 days, and its destination did not answer.")
    }
    assert sorted(one.destination_id for one in await claim(ctx)) == ["whk_well"] * 3


async def test_what_waits_for_its_rate_or_a_pause_is_not_given_up(store: Store) -> None:
    """A destination that answers keeps its overdue deliveries."""
    ctx = context(store)
    await queue(store, {"acc_1": 1}, lane="ats")
    paused = TryLater("It answered 429.", kind="http_status", wait=timedelta(hours=1))
    await record(ctx, [ended(ctx, one, paused, 429) for one in await claim(ctx)], worker="w")
    await let_pass(store, 2 * WEEK_MS)
    await open_again(store)

    assert await deliveries.dead_letter_overdue(ctx) == 0


async def test_what_is_under_way_is_not_given_up(store: Store) -> None:
    """An in-flight probe may still succeed."""
    ctx = context(store)
    await opened(ctx)
    await let_pass(store, 2 * WEEK_MS)
    (probe,) = await claim(ctx)
    await open_again(store)

    assert await deliveries.dead_letter_overdue(ctx) == OPENS_AT + 20 - 1
    assert await record(ctx, [ended(ctx, probe)], worker="w") == ["delivered"]


async def open_again(store: Store) -> None:
    """Opens the breaker again, as a failed probe does."""
    await store.write(lambda tx: tx.run("UPDATE breakers SET open_until = now_ms() + 60000"))
