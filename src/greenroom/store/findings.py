"""Queries on the open findings of projects."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx


async def claim_project(tx: Tx, *, every_ms: int, gap_ms: int) -> str | None:
    """
    Returns the project whose diagnosis is the oldest, and records that it is diagnosed now.

    Returns None when each was diagnosed within `every_ms`, or any one within `gap_ms`, over all processes.
    """
    row = await tx.one(
        "UPDATE projects SET diagnosed_at = now_ms() WHERE id = (SELECT id FROM projects "
        "WHERE diagnosed_at <= now_ms() - $1 AND deleted_at IS NULL ORDER BY diagnosed_at LIMIT 1) "
        "AND diagnosed_at <= now_ms() - $1 "
        "AND NOT EXISTS (SELECT 1 FROM projects AS others WHERE others.diagnosed_at > now_ms() - $2) RETURNING id",
        every_ms,
        gap_ms,
    )
    return row["id"] if row else None


async def lock(tx: Tx, project_id: str) -> bool:
    """Locks the findings of a project until the transaction ends; returns False if it was deleted."""
    return (
        await tx.run("UPDATE projects SET diagnosed_at = diagnosed_at WHERE id = $1 AND deleted_at IS NULL", project_id)
        == 1
    )


async def list_open(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the open findings of a project."""
    return await tx.all("SELECT * FROM findings WHERE project_id = $1", project_id)


async def add(tx: Tx, project_id: str, key: tuple[str, str, str], finding_id: str, shown: str) -> None:
    """Stores an opened finding; `key` is its code, and its subject's type and id."""
    await tx.run(
        "INSERT INTO findings (project_id, code, subject_type, subject_id, id, shown, opened_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, now_ms())",
        project_id,
        *key,
        finding_id,
        shown,
    )


async def find_of_installation(tx: Tx, code: str, *, but: str) -> str | None:
    """Returns the id of an open finding about the installation, as another project than `but` has it."""
    row = await tx.one(
        "SELECT id FROM findings WHERE subject_type = 'installation' AND code = $1 AND project_id <> $2 LIMIT 1",
        code,
        but,
    )
    return row["id"] if row else None


async def delete(tx: Tx, project_id: str, key: tuple[str, str, str]) -> None:
    """Deletes a finding that is closed."""
    await tx.run(
        "DELETE FROM findings WHERE project_id = $1 AND code = $2 AND subject_type = $3 AND subject_id = $4",
        project_id,
        *key,
    )


async def count_by_code(tx: Tx) -> dict[str, int]:
    """Counts the open findings of all projects by code; one of the installation counts once."""
    rows = await tx.all(
        "SELECT code, count(*) AS n FROM (SELECT DISTINCT code, subject_type, subject_id, "
        "CASE WHEN subject_type = 'installation' THEN '' ELSE project_id END AS place FROM findings) AS opened "
        "GROUP BY code"
    )
    return {row["code"]: int(row["n"]) for row in rows}
