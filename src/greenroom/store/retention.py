"""Queries for retention: delete old events with their ended deliveries, and old attempts."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks


async def next_events(tx: Tx, *, after: str, before: str, limit: int) -> Sequence[Row]:
    """
    Locks and returns the next events between two ids, in the order of ids.

    Skips events that another transaction has locked. `alive` is the number of pending or held deliveries of an event.
    """
    return await tx.all(
        "SELECT id, project_id, (SELECT count(*) FROM deliveries WHERE event_id = events.id "
        "AND state IN ('pending', 'held')) AS alive FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3 "
        "{skip_locked}",
        after,
        before,
        limit,
    )


async def delete_events(tx: Tx, event_ids: Sequence[str]) -> int:
    """Deletes events with their deliveries and attempts; returns the number of events."""
    if not event_ids:
        return 0
    return await tx.run(f"DELETE FROM events WHERE id IN ({marks(event_ids)})", *event_ids)  # noqa: S608


async def delete_attempts(tx: Tx, events: Sequence[tuple[str, int]]) -> None:
    """Deletes old attempts, given (event id, largest age in ms) pairs."""
    await tx.many(
        "DELETE FROM attempts WHERE delivery_id IN (SELECT id FROM deliveries WHERE event_id = $1) "
        "AND started_at < now_ms() - $2",
        events,
    )
