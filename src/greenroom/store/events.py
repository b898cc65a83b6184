"""Events, as they were accepted."""

from __future__ import annotations

from greenroom.store.db import Row, Tx


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
    Store an event. Its payload, the text of a JSON object, is never written again; `trace` is the traceparent of what
    it comes of.
    """
    await tx.run(
        "INSERT INTO events (id, project_id, account_id, order_id, type, payload, trace, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, now_ms())",
        event_id,
        project_id,
        account_id,
        order_id,
        event_type,
        payload,
        trace,
    )


async def find_trace(tx: Tx, order_id: str) -> str | None:
    """The traceparent of an order's first event that has one."""
    row = await tx.one(
        "SELECT trace FROM events WHERE order_id = $1 AND trace IS NOT NULL ORDER BY id LIMIT 1", order_id
    )
    return row["trace"] if row else None


async def find(tx: Tx, project_id: str, event_id: str) -> Row | None:
    """A project's event."""
    return await tx.one("SELECT * FROM events WHERE id = $1 AND project_id = $2", event_id, project_id)
