"""Erasure of an order's content beside concurrent work, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.engine.slots import LEASE, LONGEST
from greenroom.errors import Conflict, TryLater
from greenroom.model.accounts import Account
from greenroom.model.attempts import Exchange, FinishedAttempt
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import SHARES, Claimed
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.model.replays import Replay
from greenroom.model.request_logs import LogEntry, LoggedMessage, Operation, Source
from greenroom.model.request_logs import LoggedExchange as Request
from greenroom.services import (
    claims,
    deliveries,
    erasure,
    idempotency,
    order_results,
    orders,
    placing,
    replays,
    request_logs,
    webhooks,
)
from greenroom.services.claims import WorkerState
from greenroom.services.idempotency import Kept
from greenroom.store import accounts as account_rows
from greenroom.store import events as event_rows
from greenroom.store import projects as project_rows
from greenroom.store import request_logs as log_rows
from greenroom.store.db import Store
from greenroom.store.postgres import PostgresStore
from tests.support.postgres import Postgres
from tests.support.queues import PROJECT, context

CANARY = "canary@example.test"


async def placed(ctx: Context, *, hooks: int = 1, project: str = PROJECT) -> Order:
    """Places an order with this many subscribed webhooks."""
    now = ctx.now()
    account = Account(f"acc_{project}", project, "greenhouse", "owner", "Owner", now, now)
    await ctx.store.write(lambda tx: project_rows.ensure(tx, project, project))
    await ctx.store.write(lambda tx: account_rows.add(tx, account))
    for number in range(hooks):
        events = ("ats_assessments.created",)
        await webhooks.create(ctx, project, name=f"w{number}", url="https://v.example.com", events=events)
    request = OrderRequest("pkg_1", Candidate(CANARY, first_name="Canary"), dedupe_key="ats-1", raw={"x": CANARY})
    return await placing.place(ctx, account, request, category="assessments", package_name=None)


async def claim(ctx: Context) -> list[Claimed]:
    turns = {name: Cursor() for name in SHARES}
    return (await claims.claim(ctx, turns, SHARES, WorkerState("wrk"), lease=LEASE, longest=LONGEST)).claimed


async def expire(store: Store) -> None:
    """Makes every lease and every wait expire."""
    await store.write(lambda tx: tx.run("UPDATE deliveries SET due_at = now_ms() - 1 WHERE state = 'pending'"))


def ended(ctx: Context, claimed: Claimed) -> FinishedAttempt:
    exchange = Exchange(f"https://v.example.com/{CANARY}", {"x": CANARY}, 503, {"x": CANARY}, CANARY, "192.0.2.1")
    fault = TryLater(f"It said {CANARY}.", kind="http_status")
    return FinishedAttempt(ctx.new_id("att"), claimed, datetime.now(UTC), timedelta(milliseconds=7), fault, exchange)


async def attempts(ctx: Context) -> list[dict[str, Any]]:
    return [dict(row) for row in await ctx.store.read(lambda tx: tx.all("SELECT * FROM attempts ORDER BY number"))]


async def states(ctx: Context, order: Order) -> list[str]:
    filters = {"order_id": order.id}
    found = await deliveries.list_deliveries(ctx, order.project_id, filters, before=None, limit=10)
    return [one.state for one in found]


async def test_what_is_still_on_its_way_is_cancelled(store: Store) -> None:
    """Pending and held deliveries are cancelled; ended ones keep their state, and attempts keep their figures."""
    ctx = context(store)
    order = await placed(ctx, hooks=3)
    first, *_ = await claim(ctx)
    await deliveries.record_attempts(ctx, [ended(ctx, first)], worker="w")
    await expire(store)
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = 'held', lease = NULL WHERE id = $1", first.id))
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = 'dead' WHERE id > $1", first.id))
    expected = ["cancelled" if state in ("pending", "held") else state for state in await states(ctx, order)]
    await erasure.erase(ctx, PROJECT, order.id)

    assert await states(ctx, order) == expected
    (attempt,) = await attempts(ctx)
    assert (attempt["number"], attempt["status"], attempt["error_kind"]) == (1, 503, "http_status")
    assert (attempt["duration_ms"], attempt["worker"], attempt["address"]) == (7, "w", "192.0.2.1")
    assert (attempt["request"], attempt["response"], attempt["error"]) == ("{}", "{}", None)
    assert await claim(ctx) == []


async def test_an_attempt_under_way_is_waited_for(store: Store) -> None:
    """An erasure is refused without a change while an attempt is in flight; an expired lease does not count."""
    ctx = context(store)
    order = await placed(ctx)
    await claim(ctx)
    before = await orders.get(ctx, PROJECT, order.id)
    with pytest.raises(Conflict, match="nothing was erased") as refused:
        await erasure.erase(ctx, PROJECT, order.id)
    assert refused.value.retry_after
    assert await orders.get(ctx, PROJECT, order.id) == before
    await expire(store)

    assert (await erasure.erase(ctx, PROJECT, order.id)).erased_at is not None


async def test_who_slept_past_the_lease_writes_nothing_back(store: Store) -> None:
    """The late attempt is recorded without request and answer; that of another order is recorded whole."""
    ctx = context(store)
    order, other = await placed(ctx), await placed(ctx, project="prj_2")
    slept = await claim(ctx)
    await expire(store)
    await erasure.erase(ctx, PROJECT, order.id)
    await claim(ctx)

    assert await deliveries.record_attempts(ctx, [ended(ctx, one) for one in slept], worker="w") == [None, None]
    erased, whole = sorted(await attempts(ctx), key=lambda attempt: CANARY in str(attempt))
    for attempt in (erased, whole):
        assert (attempt["number"], attempt["status"], attempt["error_kind"]) == (1, 503, "http_status")
    assert (erased["project_id"], CANARY in str(erased)) == (PROJECT, False)
    assert (whole["project_id"], CANARY in whole["request"], CANARY in whole["response"]) == ("prj_2", True, True)
    assert (await states(ctx, order), await states(ctx, other)) == (["cancelled"], ["pending"])


@pytest.mark.postgres
@pytest.mark.parametrize("step", [event_rows, log_rows], ids=["before_the_attempts", "after_the_attempts"])
async def test_what_comes_in_the_middle_of_it(
    postgres: Postgres, migrated: str, step: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Concurrent work waits for the erasure and finds the content erased, or commits before and is erased too.

    SQLite has one write transaction at a time, so this runs on PostgreSQL only.
    """
    store = PostgresStore(postgres.create_database(migrated))
    ctx = context(store)
    order = await placed(ctx)
    (slept,) = await claim(ctx)
    await expire(store)
    (taken,) = await claim(ctx)
    await deliveries.record_attempts(
        ctx, [replace(ended(ctx, taken), fault=None)], worker="w"
    )  # delivered, by another worker
    reached, go = asyncio.Event(), asyncio.Event()
    erase = step.erase

    async def slow(*given: Any) -> int:
        reached.set()
        await go.wait()
        return int(await erase(*given))

    monkeypatch.setattr(step, "erase", slow)
    expunging = asyncio.create_task(erasure.erase(ctx, PROJECT, order.id))
    await reached.wait()
    settling = asyncio.create_task(deliveries.record_attempts(ctx, [ended(ctx, slept)], worker="w2"))
    line = asyncio.create_task(request_logs.keep(ctx, [line_about(order)]))
    retrying = asyncio.create_task(deliveries.retry(ctx, PROJECT, slept.id))
    progress = asyncio.create_task(
        order_results.record_status(ctx, PROJECT, order.id, "accepted", discover()["greenhouse"].manifest.capabilities)
    )
    done, _ = await asyncio.wait([settling, line, retrying, progress], timeout=0.5)
    assert done == ({settling} if step is event_rows else set())
    go.set()
    await expunging
    await asyncio.gather(settling, line, retrying, progress, return_exceptions=True)

    assert len(await attempts(ctx)) == 2
    assert CANARY not in str(await attempts(ctx))
    assert await states(ctx, order) == ["delivered"]
    assert [row["detail_sealed"] for row in await logged(ctx)] == [None, None]
    for refused in (retrying, progress):
        assert isinstance(refused.exception(), Conflict)
    await store.close()


async def replay(ctx: Context, webhook_id: str) -> Replay:
    """Replays all deliveries of a webhook."""
    since, until = ctx.now() - timedelta(days=1), ctx.now() + timedelta(minutes=1)
    return await replays.start(ctx, PROJECT, webhook_id, since=since, until=until, status="any")


async def test_retries_are_refused_and_replays_skip_it(store: Store) -> None:
    """A delivery without content is never sent."""
    ctx = context(store)
    order = await placed(ctx)
    (claimed,) = await claim(ctx)
    await store.write(lambda tx: tx.run("UPDATE deliveries SET state = 'dead', lease = NULL"))
    before = await replay(ctx, claimed.destination_id)
    await erasure.erase(ctx, PROJECT, order.id)
    with pytest.raises(Conflict, match=r"content was erased at 20.*nothing to send") as refused:
        await deliveries.retry(ctx, PROJECT, claimed.id)
    after = await replay(ctx, claimed.destination_id)
    for _ in range(8):
        await replays.advance(ctx)
    assert {one["done"] for one in await store.read(lambda tx: tx.all("SELECT done FROM replays"))} == {0}

    assert refused.value.code == "ContentErased"
    assert (before.total, after.total) == (1, 0)
    assert await claim(ctx) == []
    assert await states(ctx, order) == ["dead"]


def line_about(order: Order) -> LogEntry:
    """Returns a log entry whose body contains the candidate."""
    half = LoggedMessage({}, f'{{"id":"{order.id}","email":"{CANARY}"}}'.encode())
    exchange = Request("GET", "https://g.example.com/v1/orders", datetime.now(UTC), 1, 200, None, half, half)
    return LogEntry(
        "req_1", order.project_id, None, None, "platform", Operation(), Source("API"), exchange, (exchange,)
    )


async def logged(ctx: Context) -> list[Any]:
    return [
        row
        for table in ("request_logs", "request_steps")
        for row in await ctx.store.read(lambda tx, table=table: tx.all(f"SELECT * FROM {table}"))  # type: ignore[misc]
    ]


async def test_what_is_logged_later_is_logged_without_bodies(store: Store) -> None:
    """An entry that was queued before the erasure is written without bodies; another order's keeps them."""
    ctx = context(store)
    order = await placed(ctx, hooks=0)
    await erasure.erase(ctx, PROJECT, order.id)
    await request_logs.keep(ctx, [line_about(order)])

    assert [row["detail_sealed"] for row in await logged(ctx)] == [None, None]


async def test_another_projects_log_is_its_own(store: Store) -> None:
    """A project that sends another project's order id keeps its log entry, bodies included, after the erasure."""
    ctx = context(store)
    order = await placed(ctx, hooks=0)
    await store.write(lambda tx: project_rows.ensure(tx, "prj_2", "mallory"))
    await request_logs.keep(ctx, [replace(line_about(order), project_id="prj_2")])
    await erasure.erase(ctx, PROJECT, order.id)
    await request_logs.keep(ctx, [replace(line_about(order), project_id="prj_2", id="req_2")])

    assert all(row["detail_sealed"] for row in await logged(ctx))


async def test_an_answer_that_is_kept_later_is_not_kept(store: Store) -> None:
    """A response that was in flight during the erasure is not stored, and its key is free again."""
    ctx = context(store)
    order = await placed(ctx, hooks=0)
    for key in ("before", "after"):
        assert await idempotency.begin(ctx, PROJECT, key, "print") is None
    await idempotency.finish(ctx, PROJECT, "before", Kept(200, CANARY), order_id=order.id)
    await erasure.erase(ctx, PROJECT, order.id)
    await idempotency.finish(ctx, PROJECT, "after", Kept(200, CANARY), order_id=order.id)

    assert await store.read(lambda tx: tx.all("SELECT * FROM idempotency_keys")) == []
