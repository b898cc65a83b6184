"""Deletion of expired data, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from greenroom.context import Context
from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, OrderRequest
from greenroom.security.tokens import first_id, new_id
from greenroom.services import deliveries, orders, placing, projects, retention
from greenroom.settings import Settings
from greenroom.store import accounts as account_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, to_ms
from greenroom.store.deliveries import ATTEMPT
from tests.support.queues import PROJECT, context, queue


async def aged(store: Store, state: str, days: int, project: str = PROJECT) -> str:
    """Creates a delivery in a state, with one attempt, of this age in days."""
    made_at = datetime.now(UTC) - timedelta(days=days)
    event_id = first_id("evt", made_at)[:-6] + new_id("evt")[-6:]
    (delivery_id,) = await queue(store, {"whk_1": 1}, event_id=event_id)
    await store.write(lambda tx: project_rows.ensure(tx, project, "p" if project == PROJECT else project))
    await store.write(lambda tx: tx.run("UPDATE events SET project_id = $1 WHERE id = $2", project, event_id))
    attempt = {
        "id": f"att_{delivery_id}", "project_id": project, "delivery_id": delivery_id, "number": 1, "trigger": "auto",
        "started_at": to_ms(made_at), "duration_ms": 1, "request": "{}", "response": "{}", "worker": "w",
    }  # fmt: skip
    await store.write(lambda tx: delivery_rows.add_attempts(tx, [[attempt.get(name) for name in ATTEMPT]]))
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = $1 WHERE id = $2", state, delivery_id))
    return delivery_id


async def left(store: Store, table: str, column: str = "id") -> set[str]:
    return {row[column] for row in await store.read(lambda tx: tx.all(f"SELECT * FROM {table}"))}


async def test_old_and_ended_goes_the_rest_stays(store: Store) -> None:
    """A held delivery keeps its event and loses its old attempts."""
    ctx = replace(context(store), settings=Settings(retention_days=30))
    for state in ("delivered", "dead", "cancelled"):
        await aged(store, state, 31)
    held, pending = await aged(store, "held", 31), await aged(store, "pending", 31)
    young = await aged(store, "delivered", 29)

    assert (await retention.delete_expired(ctx))[0] is None
    assert await left(store, "deliveries") == {held, pending, young}
    assert len(await left(store, "events")) == 3
    assert await left(store, "attempts", "delivery_id") == {young}


async def test_it_goes_on_where_the_last_batch_ended(store: Store) -> None:
    """Events that cannot be deleted are examined once in a round."""
    ctx = context(store)
    old = retention.BATCH
    ids = [await aged(store, "held", 100) for _ in range(2)]
    await store.write(
        lambda tx: tx.many(
            "INSERT INTO events (id, project_id, type, payload, created_at) VALUES ($1, $2, 'x', '{}', 0)",
            [(f"evt_0{number:04}", PROJECT) for number in range(old)],
        )
    )
    last, deleted = await retention.delete_expired(ctx)
    assert (last, deleted) == (f"evt_0{old - 1:04}", old)
    assert last is not None

    assert await retention.delete_expired(ctx, after=last) == (None, 0)
    assert await left(store, "attempts") == set()
    assert await left(store, "deliveries") == set(ids)


async def test_each_project_for_as_long_as_it_says(store: Store) -> None:
    """A project's own retention applies, shorter or longer than the operator's setting for the others."""
    ctx = replace(context(store), settings=Settings(retention_days=30))
    ages = {PROJECT: (31, 29), "prj_short": (8, 6), "prj_long": (400, 300)}
    old, young = [
        [await aged(store, "delivered", days[number], project) for project, days in ages.items()] for number in (0, 1)
    ]
    held = await aged(store, "held", 8, "prj_short")
    await projects.keep_for(ctx, "prj_short", 7)
    await projects.keep_for(ctx, "prj_long", 365)

    assert await retention.delete_expired(ctx) == (None, len(old))
    assert await left(store, "deliveries") == {*young, held}
    assert await left(store, "attempts", "delivery_id") == set(young)
    await projects.keep_for(ctx, "prj_long", None)
    assert await retention.delete_expired(ctx) == (None, 1)


async def aged_order(ctx: Context, number: int, days: int, project: str = PROJECT) -> str:
    """Places an order of this age in days, whose event is held."""
    at = ctx.now() - timedelta(days=days)
    account = Account(f"acc_{project}", project, "greenhouse", "owner", "Owner", at, at)
    await ctx.store.write(lambda tx: project_rows.ensure(tx, project, project))
    if not await ctx.store.read(lambda tx: account_rows.find(tx, project, account.id)):
        await ctx.store.write(lambda tx: account_rows.add(tx, account))
    request = OrderRequest("pkg_1", Candidate(f"ada{number}@example.test"), dedupe_key=f"{number}")
    order_id = first_id("ord", at)[:-6] + new_id("ord")[-6:]
    await placing.place(
        replace(ctx, now=lambda: at), account, request, category="assessments", package_name=None, order_id=order_id
    )
    return order_id


async def erased(ctx: Context) -> set[str]:
    rows = await ctx.store.read(lambda tx: tx.all("SELECT id FROM orders WHERE expunged_at IS NOT NULL"))
    return {row["id"] for row in rows}


async def test_old_orders_lose_their_content(store: Store) -> None:
    """In batches, only in projects that say so; waiting deliveries are cancelled, and the timeline has the reason."""
    ctx = context(store)
    old = [await aged_order(ctx, number, 31) for number in range(retention.ORDERS + 1)]
    young, other = await aged_order(ctx, 100, 29), await aged_order(ctx, 101, 400, "prj_2")
    assert await retention.erase_old_orders(ctx) == 0
    await projects.keep_orders_for(ctx, PROJECT, 30)

    assert await retention.erase_old_orders(ctx) == retention.ORDERS
    assert await retention.erase_old_orders(ctx) == 1
    assert await retention.erase_old_orders(ctx) == 0
    assert await erased(ctx) == set(old)
    await projects.keep_orders_for(ctx, PROJECT, 7)
    assert await retention.erase_old_orders(ctx) == 1
    assert await erased(ctx) == {*old, young}
    found = await deliveries.list_deliveries(ctx, PROJECT, {"order_id": young}, before=None, limit=5)
    assert {one.state for one in found} == {"cancelled"}
    log = await store.read(lambda tx: tx.all("SELECT message FROM order_log WHERE kind = 'content_erased'"))
    assert any("keeps it for 7 days" in row["message"] for row in log)
    assert (await orders.get(ctx, "prj_2", other)).erased_at is None


async def test_an_attempt_in_flight_is_waited_for(store: Store) -> None:
    """Its order is erased by a later batch, and so are the orders after it."""
    ctx = context(store)
    first, second, third = [await aged_order(ctx, number, 31) for number in range(3)]
    await projects.keep_orders_for(ctx, PROJECT, 30)
    lease = "UPDATE deliveries SET state = 'pending', lease = $1, due_at = now_ms() + $2 WHERE order_id = $3"
    await store.write(lambda tx: tx.run(lease, "l", 60_000, second))

    assert await retention.erase_old_orders(ctx) == 1
    assert await erased(ctx) == {first}
    assert await retention.erase_old_orders(ctx) == 0
    await store.write(lambda tx: tx.run(lease, "l", -1, second))
    assert await retention.erase_old_orders(ctx) == 2
    assert await erased(ctx) == {first, second, third}
