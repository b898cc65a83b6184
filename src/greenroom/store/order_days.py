"""Counts of orders per finished day in UTC, so that a figure need not count old orders again."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Tx


async def find_uncounted(tx: Tx, days: Sequence[int]) -> tuple[str, int] | None:
    """Returns a project and one of these days that is not counted for it; None when all are."""
    row = await tx.one(
        "SELECT p.id, d.day FROM projects p CROSS JOIN "  # noqa: S608
        f"({' UNION ALL '.join(f'SELECT CAST(${number} AS BIGINT) AS day' for number in range(1, len(days) + 1))}) d "
        "WHERE p.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM order_days o WHERE o.project_id = p.id "
        "AND o.day = d.day AND o.is_counted = 1) LIMIT 1",
        *days,
    )
    return (row["id"], int(row["day"])) if row else None


async def add(tx: Tx, project_id: str, day: int) -> None:
    """Adds an uncounted day unless it exists."""
    await tx.run(
        "INSERT INTO order_days (project_id, day) VALUES ($1, $2) ON CONFLICT (project_id, day) DO NOTHING",
        project_id,
        day,
    )


async def lock(tx: Tx, project_id: str, day: int) -> bool:
    """Locks a day until this transaction ends, so that `forget` waits; returns False if there is no such row."""
    return await tx.run("UPDATE order_days SET is_counted = 0 WHERE project_id = $1 AND day = $2", project_id, day) == 1


async def save(tx: Tx, project_id: str, day: int, *, ordered: int, resulted: int, was_read: int) -> None:
    """Stores the counts of a day."""
    await tx.run(
        "UPDATE order_days SET ordered = $3, resulted = $4, was_read = $5, is_counted = 1 "
        "WHERE project_id = $1 AND day = $2",
        project_id,
        day,
        ordered,
        resulted,
        was_read,
    )


async def forget(tx: Tx, project_id: str, days: Sequence[int]) -> None:
    """Marks days as uncounted, since a time of one of their orders has changed."""
    for day in sorted(set(days)):
        await tx.run("UPDATE order_days SET is_counted = 0 WHERE project_id = $1 AND day = $2", project_id, day)
