"""Tests with EXPLAIN that everyday services scan no large table, on both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from inspect import unwrap
from typing import Any

import pytest

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import SHARES
from greenroom.model.order_checks import Decision
from greenroom.model.orders import Candidate, OrderRequest
from greenroom.model.results import Result, Score
from greenroom.model.webhooks import Webhook
from greenroom.services import (
    claims,
    deliveries,
    funnel,
    order_results,
    orders,
    overview,
    placing,
    retention,
    statistics,
    timelines,
    webhooks,
)
from greenroom.store import accounts as account_rows
from greenroom.store import breakers as breaker_rows
from greenroom.store import missing, result_facts
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Store, Tx
from greenroom.store.postgres import PostgresStore
from tests.store.test_plans import Explaining
from tests.support.million import TABLES, fill, name
from tests.support.queues import context

ROWS = [20_000, pytest.param(1_000_000, marks=pytest.mark.scale)]
NEW = OrderRequest("pkg", Candidate("ada@example.test"), dedupe_key="take-home-1", raw={})
RESULT = Result(verdict="passed", score=Score("82.5"), result_url="https://results.proctor-tests.com/r/1")

THEN = datetime(2026, 11, 3, tzinfo=UTC)
EVENTS = ("ats_assessments.created",)
HOOK = Webhook(name("whk", 0), name("prj", 0), "w", "https://v.example.com", EVENTS, (), True, None, THEN, THEN)

Doing = Callable[[Context, Tx], Awaitable[Any]]


def inside(service: Any, *args: Any, **kwargs: Any) -> Doing:
    """Returns a function that runs a service in an open transaction."""
    return lambda ctx, tx: unwrap(service)(ctx, tx, *args, **kwargs)


async def claiming(ctx: Context, tx: Tx) -> None:
    """Claims from every queue."""
    turns = {queue: Cursor() for queue in SHARES}
    free = dict.fromkeys(SHARES, 64)
    span = timedelta(seconds=30)
    await inside(claims.claim, turns, free, claims.WorkerState("wrk"), lease=span, longest=span)(ctx, tx)


async def place_order(ctx: Context, tx: Tx) -> None:
    account = await account_rows.find(tx, name("prj", 0), name("acc", 0))
    assert account is not None
    order = placing.draft(account, NEW, "assessments", None, "ats", order_id=ctx.new_id("ord"), now=ctx.now())
    await inside(placing._place, order, Decision(), shows_refusals=True, keeps_resume=False)(ctx, tx)


async def acknowledging(ctx: Context, tx: Tx) -> None:
    account = await account_rows.find(tx, name("prj", 0), name("acc", 0))
    assert account is not None
    await inside(orders.look_up, account, name("ord", 500))(ctx, tx)
    await inside(order_results.acknowledge, account, name("ord", 500))(ctx, tx)


EVERYDAY: dict[str, Doing] = {
    "claim": claiming,
    "place an order": place_order,
    "take a result": inside(
        order_results.record_result,
        name("prj", 0),
        name("acc", 0),
        name("ord", 500),
        "assessments",
        RESULT,
        discover()["greenhouse"].manifest.capabilities,
    ),
    "answer test_status": acknowledging,
    "show an order": inside(timelines.list_entries, name("prj", 0), name("ord", 500), limit=100),
    "list orders": inside(orders.list_orders, name("prj", 0), {}),
    "list an account's orders": inside(orders.list_orders, name("prj", 0), {"account_id": name("acc", 0)}),
    "list deliveries": inside(deliveries.list_deliveries, name("prj", 0), {}, before=None, limit=25),
    "list what is dead": inside(deliveries.list_deliveries, name("prj", 0), {"state": "dead"}, before=None, limit=25),
    "retry by hand": inside(deliveries.retry, name("prj", 0), name("dlv", 500)),
    "readiness": inside(deliveries.backlog_age),
    "metrics": inside(overview.overview),
    "what is queue_full_projects": inside(overview.queue_full_projects, limit=1000),
    "what is held": inside(webhooks.held, [name("whk", 0)]),
    "list held orders": inside(orders.list_orders, name("prj", 0), {"delivery": "held"}),
    "list the orders of Home": inside(orders.list_newest, name("prj", 0), most=5, most_refused=11),
    "show Home": inside(statistics.project_days, name("prj", 0), [HOOK]),
    "count the funnel of 92 days": inside(
        funnel.list_days, name("prj", 0), THEN.date() - timedelta(days=91), THEN.date()
    ),
    "find held events": lambda _, tx: webhook_rows.list_enabled_with_held(tx),
    "find what a webhook has no delivery of": lambda _, tx: missing.find(
        tx, HOOK, after=name("evt", 700), since=0, until=2**42, limit=100
    ),
    "finish enabling": lambda _, tx: webhook_rows.list_half_switched(tx),
    "give up": inside(deliveries.dead_letter_overdue),
    "retention": inside(retention.delete_expired),
    "retention, further on": inside(retention.delete_expired, after=name("evt", 700)),
}


def full_scans(plan: str) -> list[str]:
    """Returns the lines of a plan that scan a large table."""
    lines = [line.strip(" ->") for line in plan.splitlines()]
    return [
        line
        for line in lines
        for table in TABLES
        if line.startswith((f"Seq Scan on {table}", f"Parallel Seq Scan on {table}"))
        or (line.startswith(f"SCAN {table}") and "INDEX" not in line)
    ]


@pytest.mark.parametrize("rows", ROWS)
async def test_no_everyday_service_scans_a_large_table(store: Store, rows: int) -> None:
    """No service scans orders, logs, events, deliveries or attempts, with statistics up to date."""
    await fill(store, rows)
    ctx = context(store)
    found: dict[str, list[str]] = {}

    async def work(tx: Tx) -> None:
        for what, doing in EVERYDAY.items():
            explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
            await doing(ctx, explaining)
            assert explaining.plans
            found[what] = [line for plan in explaining.plans for line in full_scans(plan)]

    await store.write(work)

    assert {what: lines for what, lines in found.items() if lines} == {}


async def test_the_doctor_walks_through_no_queue(store: Store) -> None:
    """Looking for results that wait for a failing ATS reads the deliveries of its account alone."""
    await fill(store, 20_000)
    plans: list[str] = []

    async def work(tx: Tx) -> None:
        await breaker_rows.lock(tx, name("acc", 0))
        explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
        await result_facts.find_candidates(explaining, name("prj", 0))
        plans.extend(explaining.plans)

    await store.write(work)
    assert len(plans) == 3
    lines = [line for plan in plans for line in plan.splitlines()]
    assert [line for line in lines if "pk_deliveries" in line or "SCAN deliveries" in line] == []
    assert [line for line in lines if "ix_deliveries_destination_id_state_id" in line]
