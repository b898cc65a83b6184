"""Queries on events of an ATS about candidates, by which a repeated event is recognised."""

from __future__ import annotations

from greenroom.store.db import Tx


async def is_seen(tx: Tx, event_id: str) -> bool:
    """Returns whether an event was recorded."""
    return await tx.one("SELECT id FROM seen_ats_events WHERE id = $1", event_id) is not None


async def add(tx: Tx, event_id: str, project_id: str) -> None:
    """Records an event, once."""
    await tx.run(
        "INSERT INTO seen_ats_events (id, project_id, at) VALUES ($1, $2, now_ms()) ON CONFLICT (id) DO NOTHING",
        event_id,
        project_id,
    )


async def delete_old(tx: Tx, *, older_ms: int, limit: int) -> int:
    """Deletes up to `limit` events older than `older_ms`, oldest first; returns their number."""
    return await tx.run(
        "DELETE FROM seen_ats_events WHERE id IN "
        "(SELECT id FROM seen_ats_events WHERE at < now_ms() - $1 ORDER BY at LIMIT $2)",
        older_ms,
        limit,
    )
