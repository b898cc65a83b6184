"""Queries on the request log: a project's requests, and the outbound calls (steps) made during each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from greenroom.store.db import Row, Tx, marks, to_ms

Table = Literal["request_logs", "request_steps"]

_CALLED = (
    "id", "project_id", "account_id", "provider", "service", "resource", "child_resource", "sub_resource", "action",
    "method", "path", "url", "status", "duration_ms", "started_at", "detail_sealed",
)  # fmt: skip
#: columns of a new row, in their order
REQUEST = (*_CALLED, "listed", "category", "source_type", "source_value", "source_id", "source_ip")
STEP = (*_CALLED, "request_id", "error")

#: filters that accept several values, with their columns
FILTERS = {
    "account_ids": "account_id",
    "actions": "action",
    "categories": "category",
    "child_resources": "child_resource",
    "http_methods": "method",
    "providers": "provider",
    "resources": "resource",
    "services": "service",
    "source_ids": "source_id",
    "source_types": "source_type",
    "source_values": "source_value",
    "status_codes": "status",
    "sub_resources": "sub_resource",
}
#: sort orders of entries; ids are in the order of time
ORDERS = {
    "eventDatetime": "id",
    "provider": "coalesce(provider, '')",
    "service": "coalesce(service, '')",
    "status": "coalesce(status, 0)",
    "duration": "duration_ms",
}


async def add(
    tx: Tx,
    requests: Sequence[Sequence[Any]],
    steps: Sequence[Sequence[Any]],
    about: Collection[tuple[str, str]] = (),
) -> None:
    """Adds requests and steps, rows of the columns `REQUEST` and `STEP`; `about` has (request, order) pairs."""
    await tx.many(f"INSERT INTO request_logs ({', '.join(REQUEST)}) VALUES ({marks(REQUEST)})", requests)  # noqa: S608
    if steps:
        await tx.many(f"INSERT INTO request_steps ({', '.join(STEP)}) VALUES ({marks(STEP)})", steps)  # noqa: S608
    await tx.many("INSERT INTO request_orders (request_id, order_id) VALUES ($1, $2)", about)


async def erase(tx: Tx, project_id: str, order_id: str) -> int:
    """Erases stored headers and bodies of requests about an order, and of their steps; returns their number."""
    erased = 0
    about = "(SELECT request_id FROM request_orders WHERE order_id = $2)"
    for table, column in (("request_logs", "id"), ("request_steps", "request_id")):
        erased += await tx.run(
            f"UPDATE {table} SET detail_sealed = NULL WHERE project_id = $1 AND {column} IN {about}",  # noqa: S608
            project_id,
            order_id,
        )
    await tx.run("DELETE FROM request_orders WHERE order_id = $1", order_id)
    return erased


async def find(tx: Tx, project_id: str, request_id: str) -> Row | None:
    """Returns a request of a project, on either list."""
    return await tx.one("SELECT * FROM request_logs WHERE id = $1 AND project_id = $2", request_id, project_id)


async def list_entries(
    tx: Tx,
    table: Table,
    project_id: str,
    filters: Mapping[str, Any],
    *,
    order: str,
    descending: bool,
    after: str | None,
    limit: int,
) -> Sequence[Row]:
    """
    Lists requests or steps of a project, after id `after`; `order` is a key of `ORDERS`.

    `filters` may have sequences for the keys of `FILTERS` and for `request_ids`, a text `listed`, a bool `success`, and
    datetimes `start_date` and `end_date`, both inclusive. Of requests alone: an `order_id`. Paths that begin with a
    text are those from `path_begin` on and before `path_end`.
    """
    where: list[str] = ["project_id = $1"]
    values: list[Any] = [project_id]
    for condition, wanted in _conditions(table, filters):
        where.append(condition.format(marks(wanted, len(values) + 1)))
        values += wanted
    column, way, beyond = ORDERS[order], *(("DESC", "<") if descending else ("ASC", ">"))
    key = column if column == "id" else f"{column}, id"
    if after is not None:
        values.append(after)
        place = f"SELECT {key} FROM {table} WHERE id = ${len(values)} AND project_id = $1"  # noqa: S608
        where.append(f"({key}) {beyond} ({place})" if key != "id" else f"id {beyond} ${len(values)}")
    values.append(limit)
    return await tx.all(
        f"SELECT * FROM {table} WHERE {' AND '.join(where)} "  # noqa: S608
        f"ORDER BY {key.replace(', id', f' {way}, id')} {way} LIMIT ${len(values)}",
        *values,
    )


def _conditions(table: Table, filters: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    """Returns SQL conditions, each with `{}` for its placeholders, and their values."""
    found: list[tuple[str, list[Any]]] = []
    ids = {"request_ids": "id" if table == "request_logs" else "request_id"}
    for name, column in {**FILTERS, **ids}.items():
        if filters.get(name):
            found.append((f"{column} IN ({{}})", list(filters[name])))
    if filters.get("listed") is not None:
        found.append(("listed = {}", [filters["listed"]]))
    for name, condition in (("order_id", "id IN (SELECT request_id FROM request_orders WHERE order_id = {})"),
                            ("path_begin", "path >= {}"), ("path_end", "path < {}")):  # fmt: skip
        if filters.get(name):
            found.append((condition, [filters[name]]))
    if filters.get("success") is not None:
        found.append(("status < 400" if filters["success"] else "coalesce(status, 500) >= 400", []))
    for name, condition in (("start_date", "started_at >= {}"), ("end_date", "started_at <= {}")):
        if filters.get(name) is not None:
            found.append((condition, [to_ms(filters[name])]))
    return found


async def list_steps_of(tx: Tx, project_id: str, request_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the steps of these requests, in the order of calls."""
    if not request_ids:
        return []
    return await tx.all(
        f"SELECT * FROM request_steps WHERE project_id = $1 AND request_id IN ({marks(request_ids, 2)}) "  # noqa: S608
        "ORDER BY id",
        project_id,
        *request_ids,
    )


async def delete_old(tx: Tx, *, older_ms: int, limit: int) -> int:
    """Deletes up to `limit` requests older than `older_ms`, oldest first, with their steps; returns their number."""
    return await tx.run(
        "DELETE FROM request_logs WHERE id IN "
        "(SELECT id FROM request_logs WHERE started_at < now_ms() - $1 ORDER BY started_at LIMIT $2)",
        older_ms,
        limit,
    )
