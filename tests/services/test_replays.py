"""Replays, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from greenroom.context import Context
from greenroom.errors import Conflict
from greenroom.model.replays import Replay, Status
from greenroom.services import replays, webhooks
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, Tx
from greenroom.store.postgres import PostgresStore
from tests.support.postgres import Postgres
from tests.support.queues import PROJECT, context, queue

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def webhook_with(ctx: Context, **states: int) -> str:
    """Creates a webhook with this many deliveries in each state."""
    await ctx.store.write(lambda tx: project_rows.ensure(tx, PROJECT, "p"))
    webhook, _ = await webhooks.create(ctx, PROJECT, name="w", url="https://v.example.com", events=("x",))
    for state, count in states.items():
        ids = await queue(ctx.store, {webhook.id: count})
        rows = [(one, state) for one in ids]
        await ctx.store.write(
            lambda tx, rows=rows: tx.many("UPDATE deliveries SET state = $2, attempts = 3 WHERE id = $1", rows)
        )
    return webhook.id


async def start(ctx: Context, webhook_id: str, status: Status = "dead", **bounds: datetime) -> Replay:
    given = {"since": LONG_AGO, "until": datetime.now(UTC) + timedelta(seconds=1), **bounds}
    return await replays.start(ctx, PROJECT, webhook_id, since=given["since"], until=given["until"], status=status)


async def waiting(store: Store) -> list[tuple[str, str, int, int]]:
    rows = await store.read(lambda tx: tx.all("SELECT * FROM deliveries WHERE state = 'pending'"))
    return [(row["queue"], row["trigger"], row["attempts"], row["attempts_before"]) for row in rows]


async def deliver_all(store: Store, state: str = "delivered") -> None:
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = $1 WHERE state = 'pending'", state))


async def deliver_some(store: Store, count: int) -> None:
    await store.write(
        lambda tx: tx.run(
            "UPDATE deliveries SET state = 'delivered' WHERE id IN "
            "(SELECT id FROM deliveries WHERE state = 'pending' LIMIT $1)",
            count,
        )
    )


async def test_all_are_sent_in_batches_and_none_twice(store: Store) -> None:
    """Deliveries that are dead-lettered again meanwhile are not replayed again, so that `done` ends at `total`."""
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=250, delivered=5)
    job = await start(ctx, webhook_id)
    assert (job.state, job.total, job.done) == ("running", 250, 0)
    batches = []
    for _ in range(5):
        batches.append(await replays.advance(ctx))
        if batches[-1]:
            assert set(await waiting(store)) == {("replay", "replay", 3, 3)}
        await deliver_all(store, "dead")

    job = await replays.get(ctx, PROJECT, webhook_id, job.id)
    assert (batches, job.state, job.done) == ([100, 100, 50, 0, 0], "done", 250)


async def test_a_hundred_are_on_their_way_at_a_time(store: Store) -> None:
    """A replay continues as its deliveries arrive; cancelling it leaves the others unchanged."""
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=250)
    job = await start(ctx, webhook_id)
    assert [await replays.advance(ctx), await replays.advance(ctx)] == [100, 0]
    await deliver_some(store, 7)
    assert [await replays.advance(ctx), await replays.advance(ctx)] == [7, 0]
    job = await replays.cancel(ctx, PROJECT, webhook_id, job.id)
    await deliver_all(store)

    assert (job.state, await replays.advance(ctx)) == ("cancelled", 0)


@pytest.mark.postgres
async def test_what_somebody_holds_is_waited_for(postgres: Postgres, migrated: str) -> None:
    """A delivery that another transaction has locked and then leaves unchanged is still replayed."""
    store = PostgresStore(postgres.create_database(migrated))
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=3)
    await start(ctx, webhook_id)
    held, let_go = asyncio.Event(), asyncio.Event()

    async def hold(tx: Tx) -> None:
        await tx.all("SELECT id FROM deliveries FOR UPDATE")
        held.set()
        await let_go.wait()

    holding = asyncio.create_task(store.write(hold))
    await held.wait()
    advancing = asyncio.create_task(replays.advance(ctx))
    while not advancing.done() and not await store.read(lambda tx: tx.all("SELECT 1 FROM pg_locks WHERE NOT granted")):
        await asyncio.sleep(0.01)
    let_go.set()
    await holding

    assert await advancing == 3
    await store.close()


async def test_any_status_means_each_once(store: Store) -> None:
    """A delivery that was dead and is delivered by the replay is not replayed as a delivered one."""
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=3, delivered=4, held=2)
    job = await start(ctx, webhook_id, "any")
    while (await replays.get(ctx, PROJECT, webhook_id, job.id)).state == "running":
        await replays.advance(ctx)
        await deliver_all(store)

    done = (await replays.get(ctx, PROJECT, webhook_id, job.id)).done
    assert (job.total, done) == (9, 9)


async def test_bounds_in_time(store: Store) -> None:
    """A replay covers events from `since` until before `until`."""
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=3)
    soon = datetime.now(UTC) + timedelta(minutes=1)

    assert (await start(ctx, webhook_id, since=soon)).total == 0
    assert (await start(ctx, webhook_id, until=LONG_AGO)).total == 0


async def test_a_disabled_webhook_is_not_replayed(store: Store) -> None:
    """A replay of a disabled webhook is refused, and a running one waits until the webhook is enabled."""
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=3)
    await start(ctx, webhook_id)
    await webhooks.change(ctx, PROJECT, webhook_id, {"enabled": False})
    with pytest.raises(Conflict):
        await start(ctx, webhook_id)
    assert await replays.advance(ctx) == 0
    await webhooks.change(ctx, PROJECT, webhook_id, {"enabled": True})

    assert await replays.advance(ctx) == 3
