"""Projects and their API keys."""

from __future__ import annotations

from greenroom.model.projects import ApiKey, Project
from greenroom.store.db import Row, Tx, from_ms, insert, maybe_from_ms


async def find(tx: Tx, project_id: str) -> Project | None:
    """The project of this id."""
    row = await tx.one("SELECT * FROM projects WHERE id = $1", project_id)
    return _project(row) if row else None


async def find_by_name(tx: Tx, name: str) -> Project | None:
    """The project of this name."""
    row = await tx.one("SELECT * FROM projects WHERE name = $1", name)
    return _project(row) if row else None


async def find_by_key(tx: Tx, key_hash: str) -> Project | None:
    """The project that a live API key opens."""
    row = await tx.one(
        "SELECT p.*, k.id AS key_id FROM api_keys k JOIN projects p ON p.id = k.project_id "
        "WHERE k.key_hash = $1 AND k.revoked_at IS NULL",
        key_hash,
    )
    return _project(row, key_id=row["key_id"]) if row else None


async def ensure(tx: Tx, new_id: str, name: str) -> Project:
    """The project of this name, made when it is new."""
    await tx.run(
        "INSERT INTO projects (id, name, created_at) VALUES ($1, $2, now_ms()) ON CONFLICT (name) DO NOTHING",
        new_id,
        name,
    )
    project = await find_by_name(tx, name)
    assert project is not None  # noqa: S101 - just written, in this transaction
    return project


async def lock(tx: Tx, project_id: str) -> None:
    """Keep others from configuring this project until the transaction ends, so that finding and adding are one."""
    # a no-op update takes the row lock on PostgreSQL and the write lock that SQLite's writer holds anyway
    await tx.run("UPDATE projects SET created_at = created_at WHERE id = $1", project_id)


async def lock_orders(tx: Tx, project_id: str) -> None:
    """
    `lock`, and keep orders from being placed: waits for those whose transactions are open, lets others wait.

    A new order refers to its project, and so holds the project's row on PostgreSQL, before it looks for webhooks: it
    either sees what this transaction changes in them, or has committed before this function returns.
    """
    await tx.one("SELECT id FROM projects WHERE id = $1 {for_update}", project_id)


async def list_projects(tx: Tx) -> list[Project]:
    """Every project, by name."""
    return [_project(row) for row in await tx.all("SELECT * FROM projects ORDER BY name")]


async def kept_for(tx: Tx) -> dict[str, int]:
    """For how many days what a project has is kept, where it says so itself."""
    rows = await tx.all("SELECT id, retention_days FROM projects WHERE retention_days IS NOT NULL")
    return {row["id"]: row["retention_days"] for row in rows}


async def keep_for(tx: Tx, project_id: str, days: int | None) -> None:
    """Say how long what a project has is kept."""
    await tx.run("UPDATE projects SET retention_days = $2 WHERE id = $1", project_id, days)


async def add_key(tx: Tx, key_id: str, project_id: str, name: str, *, hint: str, key_hash: str, at: int) -> None:
    """Store a new API key's hash; the key itself is nowhere."""
    await insert(
        tx,
        "api_keys",
        {"id": key_id, "project_id": project_id, "name": name, "hint": hint, "key_hash": key_hash, "created_at": at},
    )


async def draw_permits(tx: Tx, key_hash: str, wanted: int, *, window_ms: int) -> tuple[int, int] | None:
    """
    Count `wanted` requests in a key's window, a new one when the last has ended, and note that the key is in use.

    How many were counted in it by now, these included, and the milliseconds until it ends; None: there is no such key.
    """
    # a start that lies ahead by more than a window is of a clock that was set back; by less, another process was faster
    row = await tx.one(
        "UPDATE api_keys SET last_used_at = now_ms(), "
        "window_used = CASE WHEN window_started_at BETWEEN now_ms() - $3 + 1 AND now_ms() + $3 "
        "THEN window_used + $2 ELSE $2 END, "
        "window_started_at = CASE WHEN window_started_at BETWEEN now_ms() - $3 + 1 AND now_ms() + $3 "
        "THEN window_started_at ELSE now_ms() END "
        "WHERE key_hash = $1 RETURNING window_used, window_started_at + $3 - now_ms() AS left_ms",
        key_hash,
        wanted,
        window_ms,
    )
    return (row["window_used"], row["left_ms"]) if row else None


async def list_keys(tx: Tx) -> list[ApiKey]:
    """Every key, revoked ones too, oldest first."""
    rows = await tx.all(
        "SELECT k.*, p.name AS project_name FROM api_keys k JOIN projects p ON p.id = k.project_id ORDER BY k.id"
    )
    return [_key(row) for row in rows]


async def revoke_key(tx: Tx, key_id: str) -> bool:
    """End a key now. False: no live key has this id."""
    return await tx.run("UPDATE api_keys SET revoked_at = now_ms() WHERE id = $1 AND revoked_at IS NULL", key_id) == 1


def _project(row: Row, *, key_id: str | None = None) -> Project:
    return Project(row["id"], row["name"], key_id, row["retention_days"])


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        project_name=row["project_name"],
        name=row["name"],
        hint=row["hint"],
        created_at=from_ms(row["created_at"]),
        last_used_at=maybe_from_ms(row["last_used_at"]),
        revoked_at=maybe_from_ms(row["revoked_at"]),
    )
