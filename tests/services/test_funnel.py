"""The funnel per day, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from greenroom.context import Context
from greenroom.model.accounts import Account
from greenroom.model.funnel import STAGES, FunnelDay, total
from greenroom.model.orders import Candidate, OrderRequest
from greenroom.security.tokens import new_id_at
from greenroom.services import funnel, placing, statistics
from greenroom.store import accounts as account_rows
from greenroom.store import orders as order_rows
from greenroom.store.db import Store, to_ms
from tests.support.queues import PROJECT, context, queue


async def week(ctx: Context) -> list[FunnelDay]:
    """Returns the last days."""
    today = ctx.now().date()
    return await funnel.list_days(ctx, PROJECT, *funnel.check_range(None, today, today=today))


async def test_a_project_without_orders_has_days_without_orders(store: Store) -> None:
    """Every day is there."""
    await queue(store, {})

    days, _ = await statistics.project_days(context(store), PROJECT, [])

    assert total(days) == dict.fromkeys(STAGES, 0)
    assert len(days) == funnel.DAYS


async def test_finished_days_are_counted_once_and_again_after_a_change(store: Store) -> None:
    """The figures are those of the orders, whether a day is counted in advance or not; today is always counted now."""
    await queue(store, {})
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    ctx = replace(context(store), now=lambda: now)
    await add_account(store, now)
    for days_ago in (0, 1, 1, 3):
        await add_order(store, now - timedelta(days=days_ago), resulted=now - timedelta(days=days_ago))
    plain = await week(ctx)
    rounds = 0
    while await funnel.count_next_day(ctx):
        rounds += 1
        assert rounds <= funnel.DAYS
    assert rounds == funnel.DAYS - 1
    assert await week(ctx) == plain
    assert [day.done for day in plain][-4:] == [1, 0, 2, 1]

    # an order three days old gets its second result: that day has one less, today has one more
    old = now - timedelta(days=3)
    await store.write(
        lambda tx: tx.run("UPDATE orders SET result_at = $1 WHERE result_at = $2", to_ms(now), to_ms(old))
    )
    await store.write(lambda tx: funnel.forget_days(tx, PROJECT, [old, None]))
    changed = await week(ctx)
    assert [day.done for day in changed][-4:] == [0, 0, 2, 2]
    assert await funnel.count_next_day(ctx)
    assert await week(ctx) == changed


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


async def test_a_day_keeps_its_notifications_when_the_deliveries_are_deleted(store: Store) -> None:
    """Counted in advance they stay, also when the day is counted again; a day of an earlier version is counted now."""
    await queue(store, {"whk_1": 2})
    now = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    ctx = replace(context(store), now=lambda: now)
    yesterday = now - timedelta(days=1)
    await store.write(lambda tx: tx.run("UPDATE deliveries SET notified_at = $1", to_ms(yesterday)))
    while await funnel.count_next_day(ctx):
        pass
    await store.write(lambda tx: tx.run("UPDATE order_days SET notified = NULL"))  # as an earlier version counted
    assert [day.notified for day in await week(ctx)][-2:] == [2, 0]

    await store.write(lambda tx: funnel.forget_days(tx, PROJECT, [yesterday]))
    assert await funnel.count_next_day(ctx)
    await store.write(lambda tx: tx.run("DELETE FROM deliveries"))
    await store.write(lambda tx: funnel.forget_days(tx, PROJECT, [yesterday]))
    assert await funnel.count_next_day(ctx)
    assert [day.notified for day in await week(ctx)][-2:] == [2, 0]
