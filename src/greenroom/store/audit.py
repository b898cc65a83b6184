"""Rows of the audit log."""

from __future__ import annotations

import json

from greenroom.model.audit import Actor, AuditEntry, AuditFilter
from greenroom.store.db import ColumnType, Row, Tx, from_ms, to_json, to_ms

COLUMNS: dict[str, ColumnType] = {
    "id": "TEXT", "project_id": "TEXT", "actor_kind": "TEXT", "actor_id": "TEXT", "actor_name": "TEXT",
    "address": "TEXT", "action": "TEXT", "object_id": "TEXT", "detail": "TEXT", "at": "BIGINT",
}  # fmt: skip
INSERT = f"INSERT INTO audit_log ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM {{given}}"  # noqa: S608


async def add(tx: Tx, entry: AuditEntry) -> None:
    """Stores an entry."""
    actor = entry.actor
    values = (
        entry.id, entry.project_id, actor.kind, actor.id, actor.name, actor.address, entry.action, entry.object_id,
        to_json(entry.detail), to_ms(entry.at),
    )  # fmt: skip
    await tx.add(INSERT, COLUMNS, values)


async def list_entries(
    tx: Tx, project_id: str | None, wanted: AuditFilter, *, before: str | None = None, limit: int
) -> list[AuditEntry]:
    """Returns a project's entries, newest first, from the one before id `before` on; None: of every project."""
    conditions: list[str] = []
    values: list[str | int] = []
    for column, comparison, value in (
        ("project_id", "=", project_id),
        ("id", "<", before),
        ("action", "=", wanted.action),
        ("actor_kind", "=", wanted.actor_kind),
        ("actor_id", "=", wanted.actor_id),
        ("object_id", "=", wanted.object_id),
        ("at", ">=", None if wanted.since is None else to_ms(wanted.since)),
        ("at", "<", None if wanted.until is None else to_ms(wanted.until)),
    ):
        if value is not None:
            values.append(value)
            conditions.append(f"{column} {comparison} ${len(values)}")
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    sql = f"SELECT * FROM audit_log {where}ORDER BY id DESC LIMIT ${len(values) + 1}"  # noqa: S608 - columns of ours
    return [_entry(row) for row in await tx.all(sql, *values, limit)]


async def delete_old(tx: Tx, *, days: int, limit: int) -> int:
    """Deletes up to `limit` entries that are older than so many days; returns how many."""
    return await tx.run(
        "DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < now_ms() - $1 ORDER BY at LIMIT $2)",
        days * 86_400_000,
        limit,
    )


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        project_id=row["project_id"],
        actor=Actor(row["actor_kind"], row["actor_id"], row["actor_name"], row["address"]),
        action=row["action"],
        object_id=row["object_id"],
        at=from_ms(row["at"]),
        detail=json.loads(row["detail"]),
    )
