"""Operational events about a project's own webhooks, on both databases."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from greenroom.context import Context
from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.model.attempts import Exchange, FinishedAttempt
from greenroom.model.breakers import ALERT_AFTER, OPENS_AT
from greenroom.model.deliveries import SCHEDULES, Claimed, State
from greenroom.model.events import OPERATIONAL_EVENTS
from greenroom.services import deliveries, projects, webhooks
from greenroom.services.alerts import EVERY
from greenroom.store.db import Store
from tests.services.test_breakers import claim, let_pass
from tests.support.queues import PROJECT, context, queue

AWAY = TryLater("No connection.", kind="connect")
WRONG = TryLater("It answered 404.", kind="http_status")


async def make(ctx: Context, name: str, *events: str) -> str:
    """A webhook's id."""
    made, _ = await webhooks.create(ctx, PROJECT, name=name, url="https://vendor.example/", events=events or ("x",))
    return made.id


@pytest.fixture
async def ctx(store: Store) -> Context:
    """Returns the context of a store that has the project."""
    await queue(store, {})
    return context(store)


async def attempt(ctx: Context, destination: str, fault: RemoteError | None, *, step: int = 1, count: int = 1) -> None:
    """Queues `count` deliveries at retry `step` and records an attempt at each; other due deliveries wait meanwhile."""
    await let_pass(ctx.store, -3600_000)
    ids = await queue(ctx.store, {destination: count})
    await ctx.store.write(
        lambda tx: tx.many("UPDATE deliveries SET attempts = $2 WHERE id = $1", [(one, step - 1) for one in ids])
    )
    claimed = [one for one in await claim(ctx) if one.id in ids]
    assert len(claimed) == count
    await record(ctx, claimed, fault)
    await let_pass(ctx.store, 3600_000)


async def record(ctx: Context, claimed: list[Claimed], fault: RemoteError | None) -> list[State | None]:
    """Records the same outcome for these attempts; returns the states of their deliveries."""
    status = None if fault is AWAY else 404 if fault else 200
    now = datetime.now(UTC)
    ended = [
        FinishedAttempt(ctx.new_id("att"), one, now, timedelta(0), fault, Exchange(status=status)) for one in claimed
    ]
    watched = {one.destination_id for one in claimed}
    return [one and one.state for one in await deliveries.record_attempts(ctx, ended, worker="w", watched=watched)]


async def published(ctx: Context, webhook_id: str) -> list[tuple[str, str]]:
    """Returns the name and record id of each operational event queued for a webhook, oldest first."""
    rows = await ctx.store.read(
        lambda tx: tx.all(
            "SELECT event_name, payload FROM deliveries JOIN events ON events.id = event_id "
            "WHERE destination_id = $1 ORDER BY deliveries.id",
            webhook_id,
        )
    )
    return [
        (row["event_name"], json.loads(row["payload"])["record_id"])
        for row in rows
        if row["event_name"] in OPERATIONAL_EVENTS
    ]


async def an_hour_passes(ctx: Context) -> None:
    ms = int(EVERY.total_seconds() * 1000)
    await ctx.store.write(
        lambda tx: tx.run(
            "UPDATE webhooks SET failing_told_at = failing_told_at - $1, exhausted_told_at = exhausted_told_at - $1", ms
        )
    )


async def test_a_webhook_that_fails_is_told_to_the_others_and_so_is_its_recovery(ctx: Context) -> None:
    """One event follows the fourth failure in a row and one the first success; the webhook itself gets none."""
    bad, ops = await make(ctx, "bad", "x", *OPERATIONAL_EVENTS), await make(ctx, "ops", *OPERATIONAL_EVENTS)
    await attempt(ctx, bad, AWAY, count=ALERT_AFTER - 1)
    assert await published(ctx, ops) == []

    await attempt(ctx, bad, AWAY)
    assert await published(ctx, ops) == [("webhook.failing", bad)]

    await attempt(ctx, bad, None)
    assert await published(ctx, ops) == [("webhook.failing", bad), ("webhook.recovered", bad)]
    assert await published(ctx, bad) == []


async def test_one_that_comes_and_goes_is_told_once_an_hour(ctx: Context) -> None:
    """A webhook that still fails an hour later is reported again."""
    bad, ops = await make(ctx, "bad"), await make(ctx, "ops", *OPERATIONAL_EVENTS)
    for _ in range(3):
        await attempt(ctx, bad, AWAY, count=ALERT_AFTER)
        await attempt(ctx, bad, None)
    assert await published(ctx, ops) == [("webhook.failing", bad), ("webhook.recovered", bad)]

    await attempt(ctx, bad, AWAY, count=ALERT_AFTER)
    await an_hour_passes(ctx)
    await attempt(ctx, bad, AWAY)
    assert (await published(ctx, ops))[2:] == [("webhook.failing", bad)]


async def test_one_that_refuses_everything_is_told_at_a_fourth_attempt(ctx: Context) -> None:
    """A webhook that answers every request with an error is reported, although no breaker opens."""
    bad, ops = await make(ctx, "bad"), await make(ctx, "ops", *OPERATIONAL_EVENTS)
    await attempt(ctx, bad, WRONG, count=OPENS_AT)
    assert await published(ctx, ops) == []

    await attempt(ctx, bad, WRONG, step=ALERT_AFTER)
    await attempt(ctx, bad, WRONG)
    assert await published(ctx, ops) == [("webhook.failing", bad)]

    await attempt(ctx, bad, None)
    assert (await published(ctx, ops))[1:] == [("webhook.recovered", bad)]


async def test_what_is_not_tried_any_more_is_told_once_an_hour_for_each_webhook(ctx: Context) -> None:
    """Dead-lettered deliveries to a webhook make one event an hour, those to an ATS one each."""
    bad, ops = await make(ctx, "bad"), await make(ctx, "ops", "delivery.exhausted")
    last = len(SCHEDULES["vendor"])
    await attempt(ctx, bad, WRONG, step=last, count=3)
    await attempt(ctx, bad, WRONG, step=last)
    assert [name for name, _ in await published(ctx, ops)] == ["delivery.exhausted"]

    await an_hour_passes(ctx)
    await attempt(ctx, bad, WRONG, step=last)
    await queue(ctx.store, {"acc_1": 2}, lane="ats")
    results = [one for one in await claim(ctx) if one.lane == "ats"]
    assert await record(ctx, results, GiveUp("It answered 404.", kind="http_status")) == ["dead", "dead"]
    assert [name for name, _ in await published(ctx, ops)] == ["delivery.exhausted"] * 4


async def test_news_that_cannot_be_delivered_makes_no_news(ctx: Context) -> None:
    """Two webhooks that are away would tell of each other for ever."""
    first, second = await make(ctx, "first", *OPERATIONAL_EVENTS), await make(ctx, "second", *OPERATIONAL_EVENTS)
    await attempt(ctx, first, WRONG, step=len(SCHEDULES["vendor"]))
    count = len(await published(ctx, second))
    await ctx.store.write(
        lambda tx: tx.run("UPDATE deliveries SET attempts = 9, due_at = now_ms() - 1 WHERE event_name <> 'x'")
    )
    news = [one for one in await claim(ctx) if one.event_name == "delivery.exhausted"]
    assert [one.destination_id for one in news] == [second]

    assert await record(ctx, news, WRONG) == ["dead"]
    assert len(await published(ctx, second)) == count
    assert [name for name, _ in await published(ctx, first)] == ["webhook.failing"]


async def test_another_project_hears_nothing(ctx: Context) -> None:
    """Though it subscribes to the same."""
    stranger = await projects.ensure(ctx, "Mallory")
    made, _ = await webhooks.create(
        ctx, stranger.id, name="ops", url="https://mallory.example/", events=OPERATIONAL_EVENTS
    )
    bad = await make(ctx, "bad")
    await attempt(ctx, bad, AWAY, count=ALERT_AFTER)

    assert await published(ctx, made.id) == []
