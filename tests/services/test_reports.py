"""Limits and retention of an ATS's reports, on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from greenroom.connectors.greenhouse import wire
from greenroom.context import Context
from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.services import erasure, placing, projects, reports, retention, timelines
from greenroom.settings import Settings
from greenroom.store import accounts as account_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Row, to_json
from tests.support.queues import PROJECT

KIB = 1024


@pytest.fixture
async def account(ctx: Context) -> Account:
    return await linked(ctx, PROJECT)


async def linked(ctx: Context, project: str) -> Account:
    """Links an account of a project."""
    now = ctx.now()
    account = Account(f"acc_{project}", project, "greenhouse", "owner", "Owner", now, now)
    await ctx.store.write(lambda tx: project_rows.ensure(tx, project, project))
    await ctx.store.write(lambda tx: account_rows.add(tx, account))
    return account


async def placed(ctx: Context, account: Account, number: int = 1) -> Order:
    request = OrderRequest("pkg_1", Candidate("ada@example.test"), dedupe_key=f"ats-{number}")
    return await placing.place(ctx, account, request, category="assessments", package_name=None)


def about(order: Order | None, text: str = "score must be a number") -> dict[str, Any]:
    return {"api_call": "test_status", "errors": [text], "partner_interview_id": order.id if order else None}


async def stored(ctx: Context) -> list[Row]:
    return list(await ctx.store.read(lambda tx: tx.all("SELECT * FROM response_errors ORDER BY id")))


async def shown(ctx: Context, order: Order) -> list[timelines.TimelineEntry]:
    """Returns the order's timeline entries about reports."""
    entries = await timelines.list_entries(ctx, order.project_id, order.id, limit=1000)
    return [entry for entry in entries if entry.kind == "response_error"]


async def age(ctx: Context, days: int) -> None:
    """Makes all reports this many days older."""
    await ctx.store.write(lambda tx: tx.run("UPDATE response_errors SET at = at - $1", days * retention.DAY_MS))


async def test_an_order_keeps_so_many_and_counts_the_others(ctx: Context, account: Account) -> None:
    """The limit holds for concurrent reports too, and each order has its own."""
    first, second = await placed(ctx, account, 1), await placed(ctx, account, 2)
    for _ in range((reports.PER_ORDER + 30) // 10):
        await asyncio.gather(*(reports.keep(ctx, account, wire.report(about(first))) for _ in range(10)))
    await reports.keep(ctx, account, wire.report(about(second)))

    *kept, rest = await shown(ctx, first)
    assert len(kept) == reports.PER_ORDER
    assert rest.message == "30 further reports not kept: 20 are kept of an order and 500 of an account."
    assert rest.detail == {"not_kept": 30}
    assert len(await shown(ctx, second)) == 1
    assert len(await stored(ctx)) == reports.PER_ORDER + 2


async def test_an_account_keeps_so_many_and_counts_the_others(
    ctx: Context, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit includes reports that name no order, and each account has its own."""
    monkeypatch.setattr(reports, "PER_ACCOUNT", 12)
    order, other = await placed(ctx, account), await linked(ctx, "prj_2")
    for _ in range(20):
        await reports.keep(ctx, account, wire.report(about(None)))
    await reports.keep(ctx, account, wire.report(about(order)))
    await reports.keep(ctx, other, wire.report(about(None)))

    counted = {(row["account_id"], row["order_id"], row["not_kept"]) for row in await stored(ctx) if row["not_kept"]}
    assert counted == {(account.id, None, 8), (account.id, order.id, 1)}
    assert len([row for row in await stored(ctx) if row["account_id"] == other.id]) == 1
    assert [entry.detail for entry in await shown(ctx, order)] == [{"not_kept": 1}]


@pytest.mark.parametrize(
    "body",
    [
        {"errors": ["é" * 600 * KIB]},
        {"errors": ["x" * 1000] * 600},
        {"errors": [{"deep": ["\x00\ud800"] * 90_000}]},
        {"errors": ["\x01" * 1000] * 100},
        {"error": "x" * 900 * KIB},
        ["x" * 900 * KIB],
        {"api_call": "x" * 900 * KIB, "errors": []},
        {"errors": ["x"], "candidate_email": "x" * 900 * KIB},
    ],
)
async def test_a_report_is_cut(ctx: Context, account: Account, body: Any) -> None:
    """At most 16 KiB are kept: whole characters from the beginning, which the timeline shows."""
    order = await placed(ctx, account)
    named = {**body, "partner_interview_id": order.id} if isinstance(body, dict) else body
    await reports.keep(ctx, account, wire.report(named))

    (row,) = await stored(ctx)
    assert len(row["raw"].encode()) + len(row["errors"].encode()) <= 16 * KIB
    assert len(row["errors"].encode()) <= 4 * KIB
    for entry in await shown(ctx, order):
        assert len(to_json(entry.detail).encode()) <= 5 * KIB
        assert len(entry.message) < 700
        assert entry.detail["errors"] or not body["errors"]


async def test_a_cut_report_goes_with_the_candidates_order(ctx: Context, account: Account) -> None:
    """A cut report that names no order and has the e-mail at its end is erased with the candidate's order."""
    order = await placed(ctx, account)
    await reports.keep(ctx, account, wire.report({"errors": ["x" * 900 * KIB], "candidate_email": "ada@example.test"}))
    assert "ada@example.test" in (await stored(ctx))[0]["raw"]
    await erasure.erase(ctx, PROJECT, order.id)

    assert (await stored(ctx))[0]["raw"] == "{}"


async def test_reports_go_with_their_age_and_make_room(ctx: Context, account: Account) -> None:
    """Reports and their timeline entries are deleted after their project's retention; nothing else is."""
    ctx = replace(ctx, settings=Settings(retention_days=30))
    other = await linked(ctx, "prj_long")
    await projects.keep_for(ctx, "prj_long", 365)
    order, others = await placed(ctx, account), await placed(ctx, other)
    for _ in range(reports.PER_ORDER + 5):
        await reports.keep(ctx, account, wire.report(about(order)))
    await reports.keep(ctx, other, wire.report(about(others)))
    await age(ctx, 31)
    await reports.keep(ctx, account, wire.report(about(None)))

    assert await retention.delete_old_reports(ctx) == reports.PER_ORDER + 1
    assert await retention.delete_old_reports(ctx) == 0
    assert await shown(ctx, order) == []
    assert len(await shown(ctx, others)) == 1
    assert len(await stored(ctx)) == 2
    kinds = [entry.kind for entry in await timelines.list_entries(ctx, PROJECT, order.id, limit=100)]
    assert kinds == ["received"]
    await reports.keep(ctx, account, wire.report(about(order)))
    assert len(await shown(ctx, order)) == 1
