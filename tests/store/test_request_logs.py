"""Tests of the request log's filters, sort orders, pages and deletion, on both databases."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from greenroom.store import projects as project_rows
from greenroom.store import request_logs as log_rows
from greenroom.store.db import Store, Tx, from_ms
from greenroom.store.request_logs import ORDERS, REQUEST, STEP

HOUR = 3_600_000
DEFAULTS: dict[str, Any] = {
    "project_id": "prj_1",
    "method": "GET",
    "path": "/x",
    "url": "https://x.example.com/x",
    "status": 200,
    "duration_ms": 1,
    "started_at": 1_000,
    "listed": "unified",
    "source_type": "API",
}


def rows(columns: tuple[str, ...], *changes: dict[str, Any]) -> list[list[Any]]:
    """Returns rows with `DEFAULTS` and these changes."""
    return [[{**DEFAULTS, **change}.get(name) for name in columns] for change in changes]


async def add(store: Store, requests: list[dict[str, Any]], steps: list[dict[str, Any]] | None = None) -> None:
    """Adds requests and steps, and two projects."""

    async def work(tx: Tx) -> None:
        for project in ("prj_1", "prj_2"):
            await project_rows.ensure(tx, project, project)
        await log_rows.add(tx, rows(REQUEST, *requests), rows(STEP, *(steps or [])))

    await store.write(work)


async def found(store: Store, project: str = "prj_1", **wanted: Any) -> list[str]:
    """Returns the ids on a list, in its order."""
    asked = {
        "table": "request_logs", "filters": {}, "order": "eventDatetime", "descending": True, "after": None,
        "limit": 100, **wanted,
    }  # fmt: skip
    table, filters = asked.pop("table"), asked.pop("filters")
    found = await store.read(lambda tx: log_rows.list_entries(tx, table, project, filters, **asked))
    return [row["id"] for row in found]


async def test_a_project_lists_only_its_own_requests(store: Store) -> None:
    """Ids of another project, as filter or page start, give access to nothing."""
    await add(store, [{"id": "req_1"}, {"id": "req_2", "project_id": "prj_2"}, {"id": "req_3"}])

    assert await found(store) == ["req_3", "req_1"]
    assert await found(store, filters={"request_ids": ["req_2"]}) == []
    assert await found(store, order="status", after="req_2") == []
    assert await store.read(lambda tx: log_rows.find(tx, "prj_1", "req_2")) is None
    assert await store.read(lambda tx: log_rows.find(tx, "prj_2", "req_2")) is not None
    assert await store.read(lambda tx: log_rows.list_steps_of(tx, "prj_1", [])) == []


FILTERED = [
    ("account_ids", "account_id", "acc_a", "acc_b"),
    ("actions", "action", "list", "get"),
    ("categories", "category", "management", "platform"),
    ("child_resources", "child_resource", "packages", "orders"),
    ("http_methods", "method", "PATCH", "PUT"),
    ("providers", "provider", "greenhouse", "other"),
    ("resources", "resource", "assessments", "background_checks"),
    ("services", "service", "ats", "external-trigger"),
    ("source_ids", "source_id", "key_a", "key_b"),
    ("source_types", "source_type", "ATS", "OTHER"),
    ("source_values", "source_value", "curl/8", "sdk/4"),
    ("status_codes", "status", 404, 502),
    ("sub_resources", "sub_resource", "result", "results"),
]


def test_every_filter_is_tested() -> None:
    """`FILTERED` has all filters of the store."""
    assert {(name, column) for name, column, *_ in FILTERED} == set(log_rows.FILTERS.items())


@pytest.mark.parametrize(("name", "column", "one", "two"), FILTERED)
async def test_each_filter_takes_several_values(store: Store, name: str, column: str, one: Any, two: Any) -> None:
    """A filter accepts no, one or two values, also together with another filter."""
    await add(store, [{"id": "req_1", column: one}, {"id": "req_2", column: two}, {"id": "req_3"}])

    assert await found(store, filters={name: [one]}) == ["req_1"]
    assert await found(store, filters={name: [one, two]}) == ["req_2", "req_1"]
    assert await found(store, filters={name: []}) == ["req_3", "req_2", "req_1"]
    assert await found(store, filters={name: [one, two], "request_ids": ["req_1"]}) == ["req_1"]


async def test_success_dates_and_lists(store: Store) -> None:
    """A request without a status is a failure, and time ranges are inclusive."""
    await add(
        store,
        [
            {"id": "req_1", "status": 399, "started_at": 1000},
            {"id": "req_2", "status": 400, "started_at": 2000},
            {"id": "req_3", "status": None, "started_at": 3000, "listed": "platform"},
        ],
    )

    assert await found(store, filters={"success": True}) == ["req_1"]
    assert await found(store, filters={"success": False}) == ["req_3", "req_2"]
    assert await found(store, filters={"start_date": from_ms(2000)}) == ["req_3", "req_2"]
    assert await found(store, filters={"end_date": from_ms(2000)}) == ["req_2", "req_1"]
    assert await found(store, filters={"start_date": from_ms(2000), "end_date": from_ms(2000)}) == ["req_2"]
    assert await found(store, filters={"listed": "platform"}) == ["req_3"]


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("descending", [True, False])
async def test_pages_in_every_order_show_each_entry_once(store: Store, order: str, descending: bool) -> None:
    """Pages are complete and sorted although many values are equal or NULL."""
    values = list(product((None, 200, 404), (None, "ats"), (None, "greenhouse"), (1, 9)))
    column = {"duration": "duration_ms"}.get(order, order)
    await add(
        store,
        [
            {"id": f"req_{number:02}", "status": status, "service": service, "provider": provider, "duration_ms": ms}
            for number, (status, service, provider, ms) in enumerate(values)
        ],
    )
    seen: list[str] = []
    while page := await found(store, order=order, descending=descending, after=seen[-1] if seen else None, limit=5):
        seen += page

    everything = await store.read(lambda tx: tx.all("SELECT * FROM request_logs"))
    known = {row["id"]: row for row in everything}
    assert sorted(seen) == sorted(known)
    empty: Any = 0 if order in ("status", "duration") else ""
    keys = [(seen_id,) if order == "eventDatetime" else (known[seen_id][column] or empty, seen_id) for seen_id in seen]
    assert keys == sorted(keys, reverse=descending)


async def test_steps_are_listed_and_joined(store: Store) -> None:
    """Steps are listed with the filters of requests, or by request in the order of calls."""
    step = {"account_id": "acc_a", "status": 200}
    await add(
        store,
        [{"id": "req_1"}, {"id": "req_2"}],
        [
            {**step, "id": "req_1.002", "request_id": "req_1", "status": 500},
            {**step, "id": "req_1.001", "request_id": "req_1"},
            {**step, "id": "req_2.001", "request_id": "req_2"},
        ],
    )

    assert await found(store, table="request_steps") == ["req_2.001", "req_1.002", "req_1.001"]
    assert await found(store, table="request_steps", filters={"request_ids": ["req_1"], "success": False}) == [
        "req_1.002"
    ]
    assert await found(store, table="request_steps", order="status", limit=1) == ["req_1.002"]
    assert await found(store, table="request_steps", project="prj_2") == []
    joined = await store.read(lambda tx: log_rows.list_steps_of(tx, "prj_1", ["req_1", "req_2"]))
    assert [row["id"] for row in joined] == ["req_1.001", "req_1.002", "req_2.001"]
    assert await store.read(lambda tx: log_rows.list_steps_of(tx, "prj_2", ["req_1"])) == []


async def test_deletion_takes_the_oldest_requests_with_their_steps(store: Store) -> None:
    """Old requests are deleted in batches, and newer ones stay."""
    now = (await store.read(lambda tx: tx.all("SELECT now_ms() AS now")))[0]["now"]
    await add(
        store,
        [{"id": f"req_{number}", "started_at": now - number * HOUR} for number in range(5)],
        [{"id": "req_4.001", "request_id": "req_4"}, {"id": "req_1.001", "request_id": "req_1"}],
    )

    async def forget(limit: int) -> int:
        older_ms = int(timedelta(hours=1.5).total_seconds() * 1000)
        return await store.write(lambda tx: log_rows.delete_old(tx, older_ms=older_ms, limit=limit))

    assert await forget(2) == 2
    assert await found(store) == ["req_2", "req_1", "req_0"]
    assert await found(store, table="request_steps") == ["req_1.001"]
    assert await forget(2) == 1
    assert await forget(2) == 0
    assert await found(store) == ["req_1", "req_0"]


async def test_lists_and_deletion_use_indexes(store: Store) -> None:
    """Neither lists nor deletion scan the requests of all projects."""
    await add(store, [{"id": f"req_{number:04}", "account_id": f"acc_{number}"} for number in range(400)])
    queries = {
        "ix_request_logs_project_id_listed_id": "SELECT * FROM request_logs WHERE project_id = 'p' "
        "AND listed = 'unified' AND id < 'req_9' ORDER BY id DESC LIMIT 26",
        "ix_request_logs_project_id_account_id_id": "SELECT * FROM request_logs WHERE project_id = 'p' "
        "AND account_id IN ('acc_1') AND id < 'req_9' ORDER BY id DESC LIMIT 26",
        "ix_request_logs_started_at": "SELECT id FROM request_logs WHERE started_at < 5 ORDER BY started_at LIMIT 9",
    }
    sqlite = type(store).__name__ == "SqliteStore"
    for index, query in queries.items():

        async def plan(tx: Tx, query: str = query) -> str:
            if not sqlite:
                await tx.all("SET LOCAL enable_seqscan = off")
            explained = await tx.all(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {query}")
            return "\n".join(str(tuple(row)) for row in explained)

        assert index in await store.write(plan), query
