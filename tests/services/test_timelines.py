"""An order's timeline, a page at a time; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from greenroom.context import Context
from greenroom.errors import BadRequest, NotFound
from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.services import placing, timelines
from greenroom.store import accounts as account_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import order_logs as order_log_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import to_ms
from greenroom.store.deliveries import ATTEMPT
from tests.support.queues import PROJECT, queue

START = datetime(2026, 11, 3, tzinfo=UTC)


async def placed(ctx: Context) -> Order:
    now = ctx.now()
    account = Account("acc_1", PROJECT, "greenhouse", "owner", "Owner", now, now)
    await ctx.store.write(lambda tx: project_rows.ensure(tx, PROJECT, "p"))
    await ctx.store.write(lambda tx: account_rows.add(tx, account))
    request = OrderRequest("pkg_1", Candidate("ada@example.test"), dedupe_key="1")
    return await placing.place(ctx, account, request, category="assessments", package_name=None)


async def attempted(ctx: Context, order: Order, times: list[datetime]) -> None:
    """Records an attempt at each of these times for one delivery of the order."""
    (delivery_id,) = await queue(ctx.store, {"whk_1": 1})
    await ctx.store.write(lambda tx: tx.run("UPDATE deliveries SET order_id = $1 WHERE id = $2", order.id, delivery_id))
    rows = [
        {
            "id": ctx.new_id("att"), "project_id": PROJECT, "delivery_id": delivery_id, "number": number,
            "trigger": "auto", "started_at": to_ms(at), "duration_ms": 1, "request": "{}", "response": "{}",
            "worker": "w",
        }
        for number, at in enumerate(times, start=1)
    ]  # fmt: skip
    await ctx.store.write(
        lambda tx: delivery_rows.add_attempts(tx, [[row.get(name) for name in ATTEMPT] for row in rows])
    )


async def test_pages_meet_every_entry_once_in_order(ctx: Context) -> None:
    """Pages join log and attempts, also with many entries in one millisecond and new ones at the end."""
    order = await placed(ctx)
    for number in range(6):
        await ctx.store.write(
            lambda tx, number=number: order_log_rows.add(tx, f"log_{number}", order.id, "status", f"{number}")  # type: ignore[misc]
        )
    await ctx.store.write(lambda tx: tx.run("UPDATE order_log SET at = $1 WHERE kind = 'status'", to_ms(START)))
    await attempted(ctx, order, [START, START, START - timedelta(seconds=1), START + timedelta(seconds=1)])
    seen: list[timelines.TimelineEntry] = []
    after = None
    while page := await timelines.list_entries(ctx, PROJECT, order.id, after=after, limit=2):
        assert len(page) <= 2
        seen += page
        after = page[-1].position
        if len(seen) == 4:
            await ctx.store.write(lambda tx: order_log_rows.add(tx, "log_last", order.id, "alert", "last"))

    expected = ["attempt", *["status"] * 6, *["attempt"] * 3, "received", "alert"]
    assert [entry.kind for entry in seen] == expected
    assert [entry.message for entry in seen[1:7]] == list("012345")
    assert [entry.at for entry in seen] == sorted(entry.at for entry in seen)
    assert seen[-1].message == "last"


@pytest.mark.parametrize("position", ["x", "1", "-1_log_x", "1_\x00", "²_log_1", "9999999999999999_log_1"])
async def test_what_is_no_position_is_refused(ctx: Context, position: str) -> None:
    """A malformed position is refused; an unknown one is only a position between others."""
    order = await placed(ctx)
    if position != "1":
        with pytest.raises(BadRequest):
            await timelines.list_entries(ctx, PROJECT, order.id, after=position, limit=2)
    assert len(await timelines.list_entries(ctx, PROJECT, order.id, after="1_log_none", limit=2)) == 1
    assert await timelines.list_entries(ctx, PROJECT, order.id, after="999999999999999_log_none", limit=2) == []
    with pytest.raises(NotFound):
        await timelines.list_entries(ctx, "prj_2", order.id, limit=2)
