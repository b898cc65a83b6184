"""Queries on the resumes of orders."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx


async def add(tx: Tx, order_id: str, project_id: str) -> None:
    """Adds a resume that is to be fetched at once."""
    await tx.run(
        "INSERT INTO resumes (id, project_id, state, attempts, due_at, created_at) "
        "VALUES ($1, $2, 'pending', 0, now_ms(), now_ms())",
        order_id,
        project_id,
    )


async def claim(tx: Tx, *, lease_ms: int) -> Row | None:
    """
    Returns the next due resume with `url` and `age_ms`, and makes it due again after the lease; None if none is due.

    The lease covers an attempt whose process is killed.
    """
    row = await tx.one(
        "SELECT id FROM resumes WHERE state = 'pending' AND due_at <= now_ms() ORDER BY due_at LIMIT 1 {skip_locked}"
    )
    if row is None:
        return None
    return await tx.one(
        "UPDATE resumes SET attempts = attempts + 1, due_at = now_ms() + $2 WHERE id = $1 "
        "RETURNING id, project_id, attempts, now_ms() - created_at AS age_ms",
        row["id"],
        lease_ms,
    )


async def find(tx: Tx, order_id: str) -> Row | None:
    """Returns the resume of an order with its content."""
    return await tx.one("SELECT * FROM resumes WHERE id = $1", order_id)


async def find_state(tx: Tx, order_id: str) -> Row | None:
    """Returns the resume of an order without its content."""
    return await tx.one("SELECT id, state, media_type, size FROM resumes WHERE id = $1", order_id)


async def save(tx: Tx, order_id: str, content_sealed: str, *, media_type: str, size: int) -> bool:
    """Stores a fetched resume; returns False if it is not awaited any more, because it was erased."""
    changed = await tx.run(
        "UPDATE resumes SET state = 'stored', content_sealed = $2, media_type = $3, size = $4 "
        "WHERE id = $1 AND state = 'pending'",
        order_id,
        content_sealed,
        media_type,
        size,
    )
    return changed == 1


async def fail(tx: Tx, order_id: str) -> bool:
    """Ends the attempts at a resume; returns False if it is not awaited any more."""
    return await tx.run("UPDATE resumes SET state = 'failed' WHERE id = $1 AND state = 'pending'", order_id) == 1


async def postpone(tx: Tx, order_id: str, wait_ms: int) -> None:
    """Makes a resume due after a wait."""
    await tx.run("UPDATE resumes SET due_at = now_ms() + $2 WHERE id = $1 AND state = 'pending'", order_id, wait_ms)


async def next_resumes(tx: Tx, *, after: str, before: str, limit: int) -> Sequence[Row]:
    """Returns `id` and `project_id` of the next resumes between two ids, sorted by id."""
    return await tx.all(
        "SELECT id, project_id FROM resumes WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3", after, before, limit
    )


async def delete(tx: Tx, order_id: str) -> int:
    """Deletes the resume of an order; returns their number."""
    return await tx.run("DELETE FROM resumes WHERE id = $1", order_id)
