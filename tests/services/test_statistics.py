"""Figures per day, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from greenroom.context import Context
from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, OrderRequest
from greenroom.security.tokens import new_id_at
from greenroom.services import placing, statistics, webhooks
from greenroom.store import accounts as account_rows
from greenroom.store import orders as order_rows
from greenroom.store.db import Store, to_ms
from tests.support.queues import PROJECT, context, queue

COUNT = 7


async def test_deliveries_are_counted_on_the_day_of_their_event(store: Store) -> None:
    """Of one webhook, and of the whole project; each state in its place."""
    await queue(store, {})
    ctx = context(store)
    one = await _webhook(ctx)
    other = await _webhook(ctx)
    await queue(store, {one.id: COUNT, other.id: 1})
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = 'delivered' WHERE destination_id = $1", one.id))

    days = await statistics.delivery_days(ctx, PROJECT, one)
    _, whole = await statistics.project_days(ctx, PROJECT, [one, other])

    assert len(days) == statistics.DAYS
    assert sum(day.delivered for day in days) == COUNT
    assert days[-1].start == days[0].start + timedelta(days=statistics.DAYS - 1)
    assert sum(day.waiting for day in days) == sum(day.failed for day in days) == 0
    assert (sum(day.delivered for day in whole), sum(day.waiting for day in whole)) == (COUNT, 1)


async def test_a_project_without_orders_has_days_without_orders(store: Store) -> None:
    """Every day is there."""
    await queue(store, {})

    days, _ = await statistics.project_days(context(store), PROJECT, [])

    assert [(day.ordered, day.resulted, day.read) for day in days] == [(0, 0, 0)] * statistics.DAYS


async def test_finished_days_are_counted_once_and_again_after_a_change(store: Store) -> None:
    """The figures are those of the orders, whether a day is counted in advance or not; today is always counted now."""
    await queue(store, {})
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    ctx = replace(context(store), now=lambda: now)
    await add_account(store, now)
    for days_ago in (0, 1, 1, 3):
        await add_order(store, now - timedelta(days=days_ago), resulted=now - timedelta(days=days_ago))
    plain = await statistics.order_days(ctx, PROJECT)
    rounds = 0
    while await statistics.count_next_day(ctx):
        rounds += 1
        assert rounds <= statistics.DAYS
    assert rounds == statistics.DAYS - 1
    assert await statistics.order_days(ctx, PROJECT) == plain
    assert [day.resulted for day in plain][-4:] == [1, 0, 2, 1]

    # an order three days old gets its second result: that day has one less, today has one more
    old = now - timedelta(days=3)
    await store.write(
        lambda tx: tx.run("UPDATE orders SET result_at = $1 WHERE result_at = $2", to_ms(now), to_ms(old))
    )
    await store.write(lambda tx: statistics.forget_days(tx, PROJECT, [old, None]))
    changed = await statistics.order_days(ctx, PROJECT)
    assert [day.resulted for day in changed][-4:] == [0, 0, 2, 2]
    assert await statistics.count_next_day(ctx)
    assert await statistics.order_days(ctx, PROJECT) == changed


async def add_account(store: Store, now: datetime) -> None:
    """Adds the account of the orders."""
    account = Account("acc_1", PROJECT, "greenhouse", "o", "Northwind", now, now)
    await store.write(lambda tx: account_rows.add(tx, account))


async def add_order(store: Store, at: datetime, *, resulted: datetime) -> None:
    """Adds an order with a result."""
    order_id = new_id_at("ord", to_ms(at))
    request = OrderRequest("pkg", Candidate("ada@example.test"), dedupe_key=order_id, raw={})
    account = Account("acc_1", PROJECT, "greenhouse", "o", "Northwind", at, at)
    draft = placing.draft(account, request, "assessments", None, "ats", order_id=order_id, now=at)
    await store.write(lambda tx: order_rows.add(tx, replace(draft, result_at=resulted), dedupe_key=order_id))


def test_percentiles() -> None:
    """Of nothing there is none."""
    assert statistics.percentile([], 0.5) is None
    assert statistics.percentile([5, 1, 3], 0.5) == 3
    assert statistics.percentile(list(range(100)), 0.95) == 95


async def _webhook(ctx: Context) -> webhooks.Webhook:
    made, _ = await webhooks.create(ctx, PROJECT, name="w", url="https://vendor.example/", events=("x",))
    return made
