"""Updates of an order for its ATS leave in turn, and none follows a later one; on both databases."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, Order, OrderRequest, Status
from greenroom.model.results import Result
from greenroom.services import cancellations, order_results, placing
from greenroom.store import accounts as account_rows
from greenroom.store import projects as project_rows
from greenroom.store import updates as update_rows
from tests.support.queues import PROJECT

ATS = discover()["ashby"].manifest.capabilities
RESULT = Result(verdict="passed", result_url="https://results.proctor-tests.com/r/1")


@pytest.fixture
async def account(ctx: Context) -> Account:
    """Northwind uses an ATS that takes every update."""
    now = ctx.now()
    account = Account("acc_1", PROJECT, "ashby", "owner", "Owner", now, now)
    await ctx.store.write(lambda tx: project_rows.ensure(tx, PROJECT, "proctor"))
    await ctx.store.write(lambda tx: account_rows.add(tx, account))
    return account


@pytest.fixture
async def order(ctx: Context, account: Account) -> Order:
    request = OrderRequest("pkg_1", Candidate("ada@example.test"), dedupe_key="open:1", one_at_a_time=True)
    return await placing.place(ctx, account, request, category="assessments", package_name=None)


async def report(ctx: Context, order: Order, status: Status) -> None:
    await order_results.record_status(ctx, PROJECT, order.id, status, ATS)


async def resulted(ctx: Context, order: Order, result: Result = RESULT) -> Order:
    return await order_results.record_result(ctx, PROJECT, order.account_id, order.id, "assessments", result, ATS)


async def queued(ctx: Context) -> list[tuple[str, str]]:
    """Status and state of every update, in the order in which they were made."""
    rows = await ctx.store.read(
        lambda tx: tx.all(
            "SELECT payload, state FROM deliveries JOIN events ON events.id = event_id WHERE lane = 'ats' "
            "ORDER BY deliveries.id"
        )
    )
    return [(json.loads(row["payload"])["status"], row["state"]) for row in rows]


async def attempted(ctx: Context, *, lease: str | None) -> None:
    """As if the pending update had been attempted: it is in flight with a lease, else its worker has died."""

    async def change(tx: Any) -> None:
        await tx.run("UPDATE deliveries SET attempts = attempts + 1, lease = $1 WHERE state = 'pending'", lease)

    await ctx.store.write(change)


async def test_an_update_waits_for_the_one_before(ctx: Context, order: Order) -> None:
    """Whether that is in flight or not attempted yet."""
    await report(ctx, order, "invited")
    await report(ctx, order, "in_progress")
    await attempted(ctx, lease="w1")
    await resulted(ctx, order)

    assert await queued(ctx) == [("invited", "pending"), ("in_progress", "held"), ("completed", "held")]
    assert await ctx.store.write(lambda tx: update_rows.release_next_update(tx, order.id))
    assert [state for _, state in await queued(ctx)] == ["pending", "pending", "held"]  # the first is still in flight


async def test_an_update_that_failed_is_replaced(ctx: Context, order: Order) -> None:
    """It waits for a retry, which never comes."""
    await report(ctx, order, "in_progress")
    await attempted(ctx, lease=None)

    await resulted(ctx, order)

    assert await queued(ctx) == [("in_progress", "cancelled"), ("completed", "pending")]


async def test_a_dead_workers_update_holds_nothing_up(ctx: Context, order: Order) -> None:
    """It died during the first update, while the second was held; a third comes."""
    await report(ctx, order, "invited")
    await report(ctx, order, "in_progress")
    await attempted(ctx, lease=None)

    await resulted(ctx, order)

    assert await queued(ctx) == [("invited", "cancelled"), ("in_progress", "pending"), ("completed", "held")]


async def test_times_rise_though_the_clock_goes_back(ctx: Context, order: Order) -> None:
    """By a millisecond at least."""
    await report(ctx, order, "invited")
    earlier = replace(ctx, now=lambda: order.created_at - timedelta(hours=1))
    await report(earlier, order, "in_progress")
    await resulted(earlier, order)

    rows = await ctx.store.read(
        lambda tx: tx.all("SELECT payload FROM events WHERE type = 'result.recorded' ORDER BY id")
    )
    found = sorted((json.loads(row["payload"]) for row in rows), key=lambda one: one["at_ms"])
    first = found[0]["at_ms"]
    assert [(one["status"], one["at_ms"] - first) for one in found] == [
        ("invited", 0), ("in_progress", 1), ("completed", 2),
    ]  # fmt: skip


async def test_cancelling_ends_what_is_on_its_way(ctx: Context, account: Account, order: Order) -> None:
    """In flight, too: its worker records the attempt, and repeats nothing."""
    await report(ctx, order, "invited")
    await attempted(ctx, lease="w1")
    await report(ctx, order, "in_progress")

    cancelled = await cancellations.cancel(ctx, account, order.id)

    assert cancelled.status == "cancelled"
    assert [state for _, state in await queued(ctx)] == ["cancelled", "cancelled"]
