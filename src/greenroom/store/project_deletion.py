"""Deletion of a project: at once for everybody, then its rows in batches."""

from __future__ import annotations

from greenroom.store.db import Tx, marks

#: tables whose rows are deleted in batches, with what refers to them; each has an index that begins with the project
LARGE = ("deliveries", "orders", "request_logs", "response_errors")
#: what gives access to the project, or makes it send something
ACCESS = ("api_keys", "members", "one_time_tokens", "connect_sessions", "alert_recipients")


async def mark(tx: Tx, project_id: str, *, reason: str) -> bool:
    """Ends all access to a project and frees its name; returns False if it is deleted already."""
    marked = await tx.run(
        "UPDATE projects SET deleted_at = now_ms(), name = name || ' (deleted ' || id || ')' "
        "WHERE id = $1 AND deleted_at IS NULL",
        project_id,
    )
    if not marked:
        return False
    for table in ACCESS:
        await tx.run(f"DELETE FROM {table} WHERE project_id = $1", project_id)  # noqa: S608
    await tx.run("UPDATE integrations SET enabled = 0 WHERE project_id = $1", project_id)
    await tx.run("UPDATE webhooks SET enabled = 0, disabled_reason = $2 WHERE project_id = $1", project_id, reason)
    return True


async def find_marked(tx: Tx) -> str | None:
    """Returns the id of a project whose rows are still to be deleted."""
    row = await tx.one("SELECT id FROM projects WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1")
    return row["id"] if row else None


async def delete_some(tx: Tx, project_id: str, *, most: int) -> int:
    """Deletes up to `most` rows of one large table; returns how many, 0 once all are empty."""
    for table in LARGE:
        deleted = await tx.run(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE project_id = $1 LIMIT $2)",  # noqa: S608
            project_id,
            most,
        )
        if deleted:
            return deleted
    return 0


async def delete_events(tx: Tx, project_id: str, *, after: str, most: int) -> str | None:
    """
    Deletes the project's events among the next `most` of all projects, whose table has no index by project.

    Returns where the next batch begins, None after the last one.
    """
    rows = await tx.all("SELECT id, project_id FROM events WHERE id > $1 ORDER BY id LIMIT $2", after, most)
    if own := [row["id"] for row in rows if row["project_id"] == project_id]:
        await tx.run(f"DELETE FROM events WHERE id IN ({marks(own)})", *own)  # noqa: S608
    return rows[-1]["id"] if len(rows) == most else None


async def finish(tx: Tx, project_id: str) -> None:
    """Deletes the project itself, with the rows that are left."""
    await tx.run("DELETE FROM projects WHERE id = $1 AND deleted_at IS NOT NULL", project_id)
