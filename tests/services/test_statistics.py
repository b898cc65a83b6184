"""Figures per day, on both databases."""

from __future__ import annotations

from datetime import timedelta

from greenroom.context import Context
from greenroom.services import statistics, webhooks
from greenroom.store.db import Store
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


async def test_ended_deliveries_are_counted_by_webhook_and_hour(store: Store) -> None:
    """Those of the last hour are in the last bar; what waits is not counted, nor is another webhook's."""
    await queue(store, {"whk_1": COUNT, "whk_2": 2, "whk_3": 1})
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = 'delivered' WHERE destination_id = 'whk_1'"))
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = 'dead' WHERE destination_id = 'whk_2'"))

    hours = await statistics.delivery_hours(context(store), ["whk_1", "whk_2", "whk_3"])

    assert {one: counts[-1] for one, counts in hours.items()} == {"whk_1": (COUNT, 0), "whk_2": (0, 2), "whk_3": (0, 0)}
    assert sum(sum(hour) for counts in hours.values() for hour in counts) == COUNT + 2
    assert await statistics.delivery_hours(context(store), []) == {}


def test_percentiles() -> None:
    """Of nothing there is none."""
    assert statistics.percentile([], 0.5) is None
    assert statistics.percentile([5, 1, 3], 0.5) == 3
    assert statistics.percentile(list(range(100)), 0.95) == 95


async def _webhook(ctx: Context) -> webhooks.Webhook:
    made, _ = await webhooks.create(ctx, PROJECT, name="w", url="https://vendor.example/", events=("x",))
    return made
