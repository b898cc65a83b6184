"""What is deleted for its age: attempts, and events with the deliveries that have ended."""

from __future__ import annotations

from greenroom.store.db import Tx, marks


async def delete_attempts(tx: Tx, *, age_ms: int, limit: int) -> int:
    """Delete the oldest attempts that began longer ago than so many milliseconds, up to a limit; how many."""
    return await tx.run(
        "DELETE FROM attempts WHERE id IN (SELECT id FROM attempts WHERE started_at < now_ms() - $1 "
        "ORDER BY started_at LIMIT $2 {skip_locked})",
        age_ms,
        limit,
    )


async def delete_events(tx: Tx, *, after: str, before: str, limit: int) -> tuple[str | None, int]:
    """
    Go over the next events between two ids, in the order of ids, and delete those of which nothing is on its way or
    held, with their deliveries and attempts; the last one met (None: there are no more), and how many were deleted.
    """
    rows = await tx.all(
        "SELECT id, (SELECT count(*) FROM deliveries WHERE event_id = events.id AND state IN ('pending', 'held')) AS "
        "alive FROM events WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3 {skip_locked}",
        after,
        before,
        limit,
    )
    ids = [row["id"] for row in rows if not row["alive"]]
    if ids:
        await tx.run(f"DELETE FROM events WHERE id IN ({marks(ids)})", *ids)  # noqa: S608
    return (rows[-1]["id"] if len(rows) == limit else None), len(ids)
