"""Queries on events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from greenroom.store.db import ColumnType, Row, Tx, marks

#: columns of a new event whose values the caller gives
_NEW: Mapping[str, ColumnType] = {
    "id": "TEXT",
    "project_id": "TEXT",
    "account_id": "TEXT",
    "order_id": "TEXT",
    "type": "TEXT",
    "payload": "TEXT",
    "trace": "TEXT",
    "erase_when_delivered": "BIGINT",
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
    erase_when_delivered: bool = False,
) -> None:
    """
    Adds an event.

    `payload` is the text of a JSON object, which never changes until it is erased. `trace` is the traceparent of the
    request that caused the event.
    """
    mark = 1 if erase_when_delivered else None
    await tx.add(_ADD, _NEW, (event_id, project_id, account_id, order_id, event_type, payload, trace, mark))


async def find_trace(tx: Tx, order_id: str) -> str | None:
    """Returns the traceparent of an order's first event that has one."""
    row = await tx.one(
        "SELECT trace FROM events WHERE order_id = $1 AND trace IS NOT NULL ORDER BY id LIMIT 1", order_id
    )
    return row["trace"] if row else None


async def find(tx: Tx, project_id: str, event_id: str) -> Row | None:
    """Returns an event of a project."""
    return await tx.one("SELECT * FROM events WHERE id = $1 AND project_id = $2", event_id, project_id)


async def replace_payload(tx: Tx, event_id: str, payload: str) -> None:
    """Replaces the payload of an event of which no delivery was attempted: a payload that was sent never changes."""
    await tx.run("UPDATE events SET payload = $2 WHERE id = $1", event_id, payload)


async def erase(tx: Tx, order_id: str) -> int:
    """Erases the payloads of an order's events; returns their number."""
    return await tx.run("UPDATE events SET payload = '{}', erase_when_delivered = NULL WHERE order_id = $1", order_id)


async def next_to_erase(tx: Tx, *, after: str, limit: int) -> list[Row]:
    """
    Returns `id`, `order_id` and `account_id` of the next events whose payload is erased when they are delivered.

    `is_open` is 1 while a delivery of the event waits or is dead-lettered.
    """
    rows = await tx.all(
        "SELECT id, order_id, account_id, CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE event_id = events.id "
        "AND state NOT IN ('delivered', 'cancelled')) THEN 1 ELSE 0 END AS is_open "
        "FROM events WHERE erase_when_delivered IS NOT NULL AND id > $1 ORDER BY id LIMIT $2",
        after,
        limit,
    )
    return list(rows)


async def erase_delivered(tx: Tx, event_id: str) -> bool:
    """Erases the payload of an event, and the contents of its attempts, unless a delivery is open; returns whether."""
    rows = await tx.all("SELECT state FROM deliveries WHERE event_id = $1 ORDER BY id {for_share}", event_id)
    if any(row["state"] not in ("delivered", "cancelled") for row in rows):
        return False
    await tx.run("UPDATE events SET payload = '{}', erase_when_delivered = NULL WHERE id = $1", event_id)
    await tx.run("UPDATE deliveries SET last_error = NULL, expunged_at = now_ms() WHERE event_id = $1", event_id)
    await tx.run(
        "UPDATE attempts SET request = '{}', response = '{}', error = NULL "
        "WHERE delivery_id IN (SELECT id FROM deliveries WHERE event_id = $1)",
        event_id,
    )
    return True


async def erased(tx: Tx, event_ids: Sequence[str]) -> set[str]:
    """Returns the events among these whose payload was erased."""
    rows = await tx.all(f"SELECT id FROM events WHERE payload = '{{}}' AND id IN ({marks(event_ids)})", *event_ids)  # noqa: S608
    return {row["id"] for row in rows}
