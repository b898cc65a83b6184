"""Events that no webhook takes: held for the project and sent once a webhook takes them; on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from greenroom.context import Context
from greenroom.errors import Conflict, Invalid
from greenroom.model.accounts import Account
from greenroom.model.events import WEBHOOK_DISABLED, webhook_payload
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.model.replays import Replay
from greenroom.model.webhooks import Webhook
from greenroom.services import (
    deliveries,
    erasure,
    events,
    orders,
    overview,
    placing,
    replays,
    retention,
    timelines,
    webhooks,
)
from greenroom.store import accounts as account_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import missing
from greenroom.store import orders as order_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, Tx, to_ms
from greenroom.store.postgres import PostgresStore
from tests.support.queues import PROJECT, context

ORDERS = ("ats_assessments.created",)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def ctx(store: Store) -> Context:
    """Returns the context of a store that has the project and two accounts."""
    made = context(store)
    now = made.now()
    await store.write(lambda tx: project_rows.ensure(tx, PROJECT, "p"))
    for account_id in ("acc_1", "acc_2"):
        account = Account(account_id, PROJECT, "greenhouse", account_id, "Owner", now, now)
        await store.write(lambda tx, account=account: account_rows.add(tx, account))
    return made


async def place(ctx: Context, number: int = 1, account_id: str = "acc_1") -> Order:
    now = ctx.now()
    account = Account(account_id, PROJECT, "greenhouse", account_id, "Owner", now, now)
    request = OrderRequest("pkg_1", Candidate(f"ada.{number}@example.test"), dedupe_key=f"ats-{number}", raw={})
    return await placing.place(ctx, account, request, category="assessments", package_name=None)


async def create(ctx: Context, **values: Any) -> tuple[Webhook, int]:
    """Creates a webhook; returns it and how many held events were released to it."""
    given = {"name": "w", "url": "https://v.example.com", "events": ORDERS, **values}
    made, _ = await webhooks.create(ctx, PROJECT, **given)
    return made, await webhooks.release(ctx, made)


async def rows(ctx: Context, sql: str = "SELECT * FROM deliveries ORDER BY created_at, id") -> list[dict[str, Any]]:
    return [dict(row) for row in await ctx.store.read(lambda tx: tx.all(sql))]


async def hold_many(ctx: Context, count: int) -> None:
    """Holds this many more events for the project, all of one order."""
    order = await place(ctx)
    (event,) = await rows(ctx, "SELECT id FROM events")

    async def work(tx: Tx) -> None:
        for _ in range(count - 1):
            await delivery_rows.add(
                tx, ctx.new_id("dlv"), project_id=PROJECT, event_id=event["id"], lane="vendor", destination_id=PROJECT,
                event_name=ORDERS[0], state="held", order_id=order.id, account_id=order.account_id,
            )  # fmt: skip

    await ctx.store.write(work)


async def messages(ctx: Context, order: Order) -> list[tuple[str, str]]:
    return [(one.kind, one.message) for one in await timelines.list_entries(ctx, PROJECT, order.id, limit=100)]


async def test_an_event_without_a_webhook_is_held_until_one_takes_it(ctx: Context) -> None:
    """The first webhook that subscribes to the event and the account, and is enabled, gets it once."""
    order = await place(ctx)
    held = await orders.get(ctx, PROJECT, order.id)
    assert held.held_at is not None
    assert [one.id for one in await orders.list_orders(ctx, PROJECT, {"delivery": "held"})] == [order.id]
    assert (await overview.overview(ctx)).held[0] == 1
    with pytest.raises(Conflict, match="No webhook subscribes") as refused:
        await deliveries.retry(ctx, PROJECT, (await rows(ctx))[0]["id"])
    assert refused.value.code == "NoWebhook"

    others = [{"events": ("ats_background_checks.created",)}, {"account_ids": ("acc_2",)}, {"enabled": False}]
    made = [await create(ctx, **other) for other in others]
    assert [released for _, released in made] == [0, 0, 0]
    alias, released = await create(ctx, events=("assessment.created",))
    assert (released, (await create(ctx))[1]) == (1, 0)

    (delivery,) = await rows(ctx)
    assert (delivery["destination_id"], delivery["event_name"]) == (alias.id, "assessment.created")
    assert (delivery["state"], delivery["queue"]) == ("pending", "first")
    assert (await orders.get(ctx, PROJECT, order.id)).held_at is None
    assert await orders.list_orders(ctx, PROJECT, {"delivery": "held"}) == []
    assert await messages(ctx, order) == [
        ("received", "Order received; no webhook subscribes to ats_assessments.created, so its event is held until one "
                     "does."),
        ("released", f"The held event is queued for webhook {alias.id}, which now subscribes to it."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({"enabled": False}, {"enabled": True}),
        ({"events": ("account.created",)}, {"events": ORDERS}),
        ({"account_ids": ("acc_2",)}, {"account_ids": ()}),
    ],
)
async def test_a_change_releases_what_is_held(ctx: Context, before: dict[str, Any], changes: dict[str, Any]) -> None:
    """Enabling a webhook, adding an event and adding an account each release held events."""
    if "enabled" in before:
        await place(ctx)
    made, _ = await create(ctx, **before)
    if "enabled" not in before:
        await place(ctx)
    await webhooks.change(ctx, PROJECT, made.id, {"name": "renamed"})
    assert {row["state"] for row in await rows(ctx)} == {"held"}

    assert (await webhooks.change(ctx, PROJECT, made.id, changes))[1] == 1

    assert [(row["destination_id"], row["state"]) for row in await rows(ctx)] == [(made.id, "pending")]


async def test_who_subscribes_chooses_what_is_sent(ctx: Context) -> None:
    """Events before `held_since` are cancelled with an alert in the timeline, and can be replayed."""
    first, second = await place(ctx, 1), await place(ctx, 2)
    await ctx.store.write(
        lambda tx: tx.run("UPDATE deliveries SET created_at = created_at - 9000 WHERE order_id = $1", first.id)
    )
    since = datetime.now(UTC) - timedelta(seconds=5)
    with pytest.raises(Invalid, match="held_since"):
        await create(ctx, enabled=False, held_since=since)
    made, released = await create(ctx, held_since=since)
    states = {row["order_id"]: row["state"] for row in await rows(ctx)}
    assert (released, states) == (1, {first.id: "cancelled", second.id: "pending"})
    assert (await messages(ctx, first))[-1] == ("alert", webhooks.LEFT_OUT.format(webhook=made.id))

    await webhooks.change(ctx, PROJECT, made.id, {"events": ("account.created",)})
    third = await place(ctx, 3)
    _, released = await webhooks.change(ctx, PROJECT, made.id, {"events": ORDERS}, held_since=webhooks.NOTHING_HELD)
    fourth = await place(ctx, 4)
    states = {row["order_id"]: row["state"] for row in await rows(ctx)}
    assert (released, states[third.id], states[fourth.id]) == (0, "cancelled", "pending")
    assert (await replay(ctx, made, status="cancelled")).done == 2


async def test_many_go_in_batches_also_after_the_process_was_killed(ctx: Context) -> None:
    """A release that was cut off between two batches is completed by `switch_over`, each event once."""
    many = 2 * webhooks.BATCH + 3
    await hold_many(ctx, many)
    made, _ = await webhooks.create(ctx, PROJECT, name="w", url="https://v.example.com", events=ORDERS)
    assert (await webhooks._release_some(ctx, PROJECT, made.id, ""))[0] == webhooks.BATCH
    assert (await overview.overview(ctx)).held[0] == many - webhooks.BATCH

    await webhooks.switch_over(ctx)

    assert {(row["destination_id"], row["state"]) for row in await rows(ctx)} == {(made.id, "pending")}
    assert len(await rows(ctx)) == many


async def test_orders_that_come_while_webhooks_are_made_are_sent_once(ctx: Context) -> None:
    """Whichever commits first, the order or the webhook, the other one sees it."""
    placing = [asyncio.create_task(place(ctx, number)) for number in range(60)]
    for number in range(60):
        if number % 20 == 10:
            placing += [asyncio.create_task(create(ctx))]  # type: ignore[list-item]
        await asyncio.sleep(0)
    await asyncio.gather(*placing)

    by_event: dict[str, set[str]] = {}
    for row in await rows(ctx):
        assert row["state"] == "pending"
        assert row["destination_id"] not in by_event.setdefault(row["event_id"], set())
        by_event[row["event_id"]].add(row["destination_id"])
    assert len(by_event) == 60


async def test_an_order_that_is_being_placed_is_waited_for(ctx: Context) -> None:
    """An uncommitted order that found no webhook is released to one that is created meanwhile."""
    if not isinstance(ctx.store, PostgresStore):
        pytest.skip("SQLite has one writer")
    order = await place(ctx)
    looked, commit = asyncio.Event(), asyncio.Event()

    async def placing(tx: Tx) -> None:
        another = replace(order, id="ord_new", request=replace(order.request, dedupe_key="new"))
        await order_rows.add(tx, another, dedupe_key="new")
        await events.publish(ctx, tx, PROJECT, ORDERS[0], {"a": 1}, account_id="acc_1", order_id="ord_new")
        looked.set()
        await commit.wait()

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(ctx.store.write(placing))
        await looked.wait()
        creating = tasks.create_task(create(ctx))
        while not await ctx.store.read(lambda tx: tx.all("SELECT 1 FROM pg_locks WHERE NOT granted")):
            assert not creating.done()
            await asyncio.sleep(0.01)
        commit.set()

    assert creating.result()[1] == 2


async def test_what_is_erased_is_not_sent(ctx: Context) -> None:
    """An erased order is not held any more, and neither a new webhook nor a replay sends it."""
    order = await place(ctx)
    assert (await erasure.erase(ctx, PROJECT, order.id)).erased_at is not None
    made, released = await create(ctx)

    assert released == 0
    assert (await orders.get(ctx, PROJECT, order.id)).held_at is None
    job = await replay(ctx, made, status="any")
    assert (job.total, job.done) == (0, 0)


async def test_what_is_held_is_bounded_and_outlasts_its_age(ctx: Context) -> None:
    """Held events count for GREENROOM_QUEUE_LIMIT, and retention does not delete them."""
    await place(ctx, 1)
    await place(ctx, 2)
    assert await overview.queue_full_projects(ctx, limit=3) == frozenset()
    assert await overview.queue_full_projects(ctx, limit=2) == {PROJECT}
    old = to_ms(LONG_AGO)
    await ctx.store.write(lambda tx: tx.run("UPDATE deliveries SET created_at = $1", old))
    later = replace(ctx, now=lambda: datetime.now(UTC) + timedelta(days=400))
    assert await retention.delete_expired(later) == (None, 0)

    held, oldest_s = (await overview.overview(ctx)).held
    assert held == 2
    assert oldest_s > timedelta(days=365).total_seconds()


async def replay(ctx: Context, webhook: Webhook, **given: Any) -> Replay:
    """Runs a replay to its end and delivers everything that it queues."""
    values = {"since": LONG_AGO, "until": datetime.now(UTC) + timedelta(seconds=1), "status": "undelivered", **given}
    job = await replays.start(ctx, PROJECT, webhook.id, **values)
    for _ in range(50):
        await replays.advance(ctx)
        await ctx.store.write(
            lambda tx: tx.run("UPDATE deliveries SET state = 'delivered' WHERE state = 'pending' AND queue = 'replay'")
        )
        if (job := await replays.get(ctx, PROJECT, webhook.id, job.id)).state == "done":
            return job
    raise AssertionError(job)


async def test_a_replay_sends_what_never_had_a_delivery(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer webhook gets every event that it takes, in batches, once, under the event's id."""
    monkeypatch.setattr(missing, "LOOKED_AT", 3)
    first, _ = await create(ctx)
    for number in range(10):
        await place(ctx, number, "acc_1" if number < 7 else "acc_2")
    later, released = await create(ctx, events=("assessment.created", "webhook.disabled"), account_ids=("acc_1",))
    assert released == 0

    jobs = [await replay(ctx, later, status=status) for status in ("dead", "undelivered", "missing", "any")]
    assert [(job.total, job.done) for job in jobs] == [(0, 0), (7, 7), (0, 0), (7, 7)]
    sent = await rows(ctx, f"SELECT * FROM deliveries WHERE destination_id = '{later.id}'")
    assert {(row["event_name"], row["account_id"], row["trigger"]) for row in sent} == {
        ("assessment.created", "acc_1", "replay")
    }
    later = await rows(ctx, f"SELECT * FROM deliveries WHERE destination_id = '{first.id}' AND account_id = 'acc_1'")
    assert {row["event_id"] for row in sent} == {row["event_id"] for row in later}


async def test_a_replay_tells_no_webhook_of_itself(ctx: Context) -> None:
    """A webhook gets no operational events about itself, but those about other webhooks."""
    one, _ = await create(ctx, events=("webhook.disabled",))
    other, _ = await create(ctx, events=("webhook.disabled",))
    for about in (one, other):
        payload = webhook_payload(PROJECT, about.id, "w", reason=None, at=ctx.now())
        await ctx.store.write(
            lambda tx, payload=payload: events.publish(
                ctx, tx, PROJECT, WEBHOOK_DISABLED, payload, account_id=None, but=payload["record_id"]
            )
        )
    await ctx.store.write(lambda tx: tx.run("DELETE FROM deliveries"))

    assert (await replay(ctx, one, status="missing")).done == 1


async def test_two_replays_of_one_webhook_send_it_once(ctx: Context) -> None:
    """Two replays that start together, advanced by two processes, queue each event once."""
    await create(ctx)
    for number in range(5):
        await place(ctx, number)
    later, _ = await create(ctx)
    values: dict[str, Any] = {"since": LONG_AGO, "until": datetime.now(UTC) + timedelta(seconds=1)}
    jobs = [await replays.start(ctx, PROJECT, later.id, **values, status="missing") for _ in range(2)]

    await asyncio.gather(*(replays._advance(ctx, job.id) for job in jobs))

    done = [(await replays.get(ctx, PROJECT, later.id, job.id)).done for job in jobs]
    assert (sum(done), sorted(done)) == (5, [0, 5])
