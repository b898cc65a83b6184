"""Events, as they were accepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from greenroom.store.db import Row, Tx, to_json


async def add(
    tx: Tx,
    event_id: str,
    *,
    project_id: str,
    event_type: str,
    payload: Mapping[str, Any],
    account_id: str | None = None,
    order_id: str | None = None,
) -> None:
    """Store an event; its payload is never written again."""
    await tx.run(
        "INSERT INTO events (id, project_id, account_id, order_id, type, payload, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, now_ms())",
        event_id,
        project_id,
        account_id,
        order_id,
        event_type,
        to_json(payload),
    )


async def find(tx: Tx, project_id: str, event_id: str) -> Row | None:
    """A project's event."""
    return await tx.one("SELECT * FROM events WHERE id = $1 AND project_id = $2", event_id, project_id)
