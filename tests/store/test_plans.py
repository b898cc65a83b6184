"""Tests with EXPLAIN that hot queries use their indexes, on both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from greenroom.model.accounts import Account
from greenroom.model.orders import Candidate, Order, OrderRequest
from greenroom.store import accounts as account_rows
from greenroom.store import claims as claim_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import events as event_rows
from greenroom.store import idempotency as key_rows
from greenroom.store import orders as order_rows
from greenroom.store import projects as project_rows
from greenroom.store import replays as replay_rows
from greenroom.store import reports as report_rows
from greenroom.store import request_logs as log_rows
from greenroom.store import timelines as timeline_rows
from greenroom.store.db import Row, Store, Tx
from greenroom.store.postgres import PostgresStore
from tests.services.test_replays import start, webhook_with
from tests.support.queues import PROJECT, context, queue

ROWS = 20_000
DESTINATIONS = 200

HOT: dict[str, Callable[[Tx], Awaitable[object]]] = {
    "find candidates": lambda tx: claim_rows.find_candidates(
        tx, {"first": "", "again": "whk_100"}, steps=64, most=16, over_ms=29_000, but="wrk"
    ),
    "take": lambda tx: claim_rows.claim(tx, [("first", "whk_100", 8)], lease="lse_1", lease_ms=1000),
    "expired": lambda tx: claim_rows.leased(tx, expired=True),
    "complete": lambda tx: delivery_rows.complete(
        tx, [(f"dlv_{n}", "lse_1", "delivered", 0, None, 0, 1) for n in range(50)]
    ),
    "next_due": delivery_rows.next_due_ms,
}


class Explaining:
    """A `Tx` that records the plan of each statement before it runs; with `only`, statements do not run."""

    def __init__(self, tx: Tx, *, postgres: bool, only: bool = False) -> None:
        self._tx = tx
        self._only = only
        self._word = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
        self.plans: list[str] = []

    async def all(self, sql: str, *values: Any) -> Sequence[Row]:
        self._note(await self._tx.all(f"{self._word} {sql}", *values))
        return [] if self._only else await self._tx.all(sql, *values)

    async def one(self, sql: str, *values: Any) -> Row | None:
        rows = await self.all(sql, *values)
        return rows[0] if rows else None

    async def run(self, sql: str, *values: Any) -> int:
        await self.all(sql, *values)
        return 1

    async def many(self, sql: str, rows: Any) -> None:
        for values in rows:
            await self.all(sql, *values)

    async def run_rows(self, sql: str, columns: Any, rows: Any) -> Sequence[Row]:
        self._note(await self._tx.run_rows(f"{self._word} {sql}", columns, rows))
        return await self._tx.run_rows(sql, columns, rows)

    async def add(self, sql: str, columns: Any, values: Any) -> None:
        await self.run_rows(sql, columns, [values])

    def _note(self, plan: Sequence[Row]) -> None:
        lines = (list(row.values() if hasattr(row, "values") else tuple(row)) for row in plan)
        self.plans.append("\n".join(str(line[-1]) for line in lines))


def scans(plan: str) -> list[str]:
    """Returns the lines of a plan that scan all deliveries, or an index of them."""
    lines = [line.strip(" ->") for line in plan.splitlines()]
    return [line for line in lines if line.startswith(("Seq Scan on deliveries", "SCAN deliveries"))]


async def test_hot_queries_read_no_deliveries_from_end_to_end(store: Store) -> None:
    """No hot query scans all deliveries; on SQLite without statistics, as in production."""
    await queue(store, {f"whk_{number:03}": ROWS // DESTINATIONS for number in range(DESTINATIONS)}, waits_in="again")
    await queue(store, {f"whk_{number:03}": 2 for number in range(DESTINATIONS)})
    if isinstance(store, PostgresStore):
        await store.write(lambda tx: tx.all("ANALYZE"))
    plans: dict[str, list[str]] = {}

    async def work(tx: Tx) -> None:
        for name, hot in HOT.items():
            explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
            await hot(explaining)
            plans[name] = explaining.plans

    await store.write(work)

    for name in HOT:
        assert plans[name]
        assert [scans(plan) for plan in plans[name]] == [[]] * len(plans[name]), (name, plans[name])


async def test_candidates_of_a_long_queue_need_no_scan(store: Store) -> None:
    """A claim does not scan a long queue even before PostgreSQL has statistics."""
    await queue(store, {"whk_1": ROWS})
    plans: list[str] = []

    async def work(tx: Tx) -> None:
        explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
        await HOT["find candidates"](explaining)
        plans.extend(explaining.plans)

    await store.write(work)

    assert len(plans) == 1
    assert "BitmapAnd" not in plans[0]
    assert scans(plans[0]) == []


async def test_erasure_uses_indexes(store: Store) -> None:
    """An erasure scans no table, since it blocks other writers on SQLite."""
    now = datetime.now(UTC)
    request = OrderRequest("pkg_1", Candidate("ada@example.test"), raw={})
    order = Order("ord_1", PROJECT, "acc_1", "greenhouse", "assessments", "ats", request, None, now, now)
    plans: list[str] = []

    async def work(tx: Tx) -> None:
        if isinstance(store, PostgresStore):  # whose tables are short here, and would be read from end to end
            await tx.all("SET LOCAL enable_seqscan = off")
        explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
        await delivery_rows.in_flight(explaining, order.id)
        await order_rows.erase(explaining, order.erased(now=now))
        await report_rows.erase(explaining, "acc_1", order.id, "ada@example.test")
        await event_rows.erase(explaining, order.id)
        await delivery_rows.erase(explaining, order.id, at=1)
        await log_rows.erase(explaining, PROJECT, order.id)
        await key_rows.erase(explaining, PROJECT, order.id)
        plans.extend(explaining.plans)

    await store.write(work)

    assert len(plans) == 13
    assert [plan for plan in plans if "Seq Scan" in plan or "SCAN " in plan] == []


async def test_a_replay_reads_only_the_deliveries_that_it_sends(store: Store) -> None:
    """A replay uses indexes that leave out retries and deliveries in other states."""
    ctx = context(store)
    webhook_id = await webhook_with(ctx, dead=3)
    await queue(store, {webhook_id: 3}, waits_in="again")
    job = await start(ctx, webhook_id)
    plans: list[str] = []

    async def work(tx: Tx) -> None:
        explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
        assert await replay_rows.advance(explaining, job.id, most=2, new_id=ctx.new_id) == 2
        plans.extend(explaining.plans)

    await store.write(work)

    _, on_their_way, following, *_ = plans
    assert "ix_deliveries_queue " in on_their_way
    assert "ix_deliveries_destination_id_state_id " in following


async def test_the_newest_order_is_found_without_a_sort(store: Store) -> None:
    """
    The previous order is found by its index even before there are statistics.

    PostgreSQL keeps a plan that was made on an empty table, or while its indexes differ in height.
    """
    plans: list[str] = []
    now = datetime.now(UTC)

    def order(number: int) -> Order:
        request = OrderRequest("pkg_1", Candidate(f"ada.{number}@example.test"), dedupe_key=None, raw={})
        return Order(f"ord_{number}", PROJECT, "acc_1", "greenhouse", "assessments", "ats", request, None, now, now)

    async def work(tx: Tx) -> None:
        await project_rows.ensure(tx, PROJECT, "p")
        await account_rows.add(tx, Account("acc_1", PROJECT, "greenhouse", "owner", "Owner", now, now))
        explaining = Explaining(tx, postgres=isinstance(store, PostgresStore), only=True)
        for number in range(300):
            if number % 10 == 0:
                await order_rows.add(explaining, order(number), dedupe_key=f"key {number}")
            await order_rows.add(tx, order(number), dedupe_key=f"key {number}")
        plans.extend(explaining.plans)

    await store.write(work)

    assert ["ix_orders_latest" in plan for plan in plans] == [True] * 30
    assert not [plan for plan in plans if "sort" in plan.lower()]
    assert "temp b-tree" not in plans[0].lower()


async def test_queries_on_data_of_an_ats_use_indexes(store: Store) -> None:
    """Deduplication keys, reports and timelines are read without scans."""
    plans: list[str] = []

    async def work(tx: Tx) -> None:
        if isinstance(store, PostgresStore):  # whose tables are short here, and would be read from end to end
            await tx.all("SET LOCAL enable_seqscan = off")
        explaining = Explaining(tx, postgres=isinstance(store, PostgresStore))
        await order_rows.release_key(explaining, "acc_1", "same:1", before=datetime.now(UTC))
        await report_rows.count(explaining, "acc_1", "ord_1", most=500)
        await report_rows.list_old(explaining, days=30, shortest=7, limit=100)
        await report_rows.delete(explaining, ["rer_1"])
        await timeline_rows.list_entries(explaining, PROJECT, "ord_1", after=(0, ""), limit=100)
        plans.extend(explaining.plans)

    await store.write(work)

    assert len(plans) == 6
    tables = ("orders", "response_errors", "order_log", "deliveries", "attempts")
    assert [
        plan for plan in plans if any(f"{how} {name}" in plan for how in ("Seq Scan on", "SCAN") for name in tables)
    ] == []
