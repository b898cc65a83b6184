"""Queries on events."""

from __future__ import annotations

from collections.abc import Mapping

from greenroom.store.db import ColumnType, Row, Tx

#: columns of a new event whose values the caller gives
_NEW: Mapping[str, ColumnType] = {
    "id": "TEXT",
    "project_id": "TEXT",
    "account_id": "TEXT",
    "order_id": "TEXT",
    "type": "TEXT",
    "payload": "TEXT",
    "trace": "TEXT",
}
_ADD = f"INSERT INTO events ({', '.join(_NEW)}, created_at) SELECT {', '.join(_NEW)}, now_ms() FROM {{given}}"  # noqa: S608


async def add(
    tx: Tx,
    event_id: str,
    *,
    project_id: str,
    event_type: str,
    payload: str,
    account_id: str | None = None,
    order_id: str | None = None,
    trace: str | None = None,
) -> None:
    """
    Adds an event.

    `payload` is the text of a JSON object, which never changes until it is erased. `trace` is the traceparent of the
    request that caused the event.
    """
    await tx.add(_ADD, _NEW, (event_id, project_id, account_id, order_id, event_type, payload, trace))


async def find_trace(tx: Tx, order_id: str) -> str | None:
    """Returns the traceparent of an order's first event that has one."""
    row = await tx.one(
        "SELECT trace FROM events WHERE order_id = $1 AND trace IS NOT NULL ORDER BY id LIMIT 1", order_id
    )
    return row["trace"] if row else None


async def find(tx: Tx, project_id: str, event_id: str) -> Row | None:
    """Returns an event of a project."""
    return await tx.one("SELECT * FROM events WHERE id = $1 AND project_id = $2", event_id, project_id)


async def erase(tx: Tx, order_id: str) -> int:
    """Erases the payloads of an order's events; returns their number."""
    return await tx.run("UPDATE events SET payload = '{}' WHERE order_id = $1", order_id)
