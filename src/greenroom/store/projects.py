"""Queries on projects and their API keys."""

from __future__ import annotations

from dataclasses import replace

from greenroom.model.projects import ApiKey, Project
from greenroom.store.db import Row, Tx, from_ms, insert, maybe_from_ms, to_ms


async def find(tx: Tx, project_id: str) -> Project | None:
    """Returns the project with this id."""
    row = await tx.one("SELECT * FROM projects WHERE id = $1", project_id)
    return _project(row) if row else None


async def find_by_name(tx: Tx, name: str) -> Project | None:
    """Returns the project with this name."""
    row = await tx.one("SELECT * FROM projects WHERE name = $1", name)
    return _project(row) if row else None


async def find_by_key(tx: Tx, key_hash: str) -> Project | None:
    """Returns the project of an API key that is not revoked."""
    row = await tx.one(
        "SELECT p.*, k.id AS key_id, k.name AS key_name, k.scope "
        "FROM api_keys k JOIN projects p ON p.id = k.project_id "
        "WHERE k.key_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now_ms())",
        key_hash,
    )
    if row is None:
        return None
    return replace(_project(row), key_id=row["key_id"], key_name=row["key_name"], scope=row["scope"])


async def ensure(tx: Tx, new_id: str, name: str) -> tuple[Project, bool]:
    """The project of this name, made when it is new, and whether it was."""
    added = await tx.run(
        # a new project is not diagnosed at once, while it is being configured
        "INSERT INTO projects (id, name, created_at, diagnosed_at) VALUES ($1, $2, now_ms(), now_ms()) "
        "ON CONFLICT (name) DO NOTHING",
        new_id,
        name,
    )
    project = await find_by_name(tx, name)
    assert project is not None  # noqa: S101 - just written, in this transaction
    return project, added == 1


async def lock(tx: Tx, project_id: str) -> None:
    """Locks a project's configuration until the transaction ends, so that a check and an insert are atomic."""
    # a no-op update takes the row lock on PostgreSQL; on SQLite the writer holds the write lock anyway
    await tx.run("UPDATE projects SET created_at = created_at WHERE id = $1", project_id)


async def lock_orders(tx: Tx, project_id: str) -> None:
    """
    Locks a project like `lock`, and also against new orders.

    On PostgreSQL the insert of an order locks its project's row (foreign key) before the order's transaction reads the
    webhooks. So that transaction either sees this transaction's changes, or has committed before this function returns.
    """
    await tx.one("SELECT id FROM projects WHERE id = $1 {for_update}", project_id)


async def list_projects(tx: Tx) -> list[Project]:
    """Lists all projects, by name."""
    return [_project(row) for row in await tx.all("SELECT * FROM projects WHERE deleted_at IS NULL ORDER BY name")]


async def kept_for(tx: Tx) -> dict[str, int]:
    """Returns the retention, in days, of each project that has one of its own."""
    rows = await tx.all("SELECT id, retention_days FROM projects WHERE retention_days IS NOT NULL")
    return {row["id"]: row["retention_days"] for row in rows}


async def rename(tx: Tx, project_id: str, name: str) -> bool:
    """Renames a project; returns False if another one has the name."""
    renamed = await tx.run(
        "UPDATE projects SET name = $2 WHERE id = $1 AND NOT EXISTS "
        "(SELECT 1 FROM projects WHERE name = $2 AND id <> $1)",
        project_id,
        name,
    )
    return renamed == 1


async def keep_for(tx: Tx, project_id: str, days: int | None) -> None:
    """Sets a project's retention in days; None for the installation's default."""
    await tx.run("UPDATE projects SET retention_days = $2 WHERE id = $1", project_id, days)


async def keep_orders_for(tx: Tx, project_id: str, days: int | None) -> None:
    """Sets after how many days the content of a project's orders is erased; None means never."""
    await tx.run("UPDATE projects SET order_retention_days = $2 WHERE id = $1", project_id, days)


async def list_erasing(tx: Tx) -> list[Row]:
    """Returns `id`, `order_retention_days` and `orders_erased_up_to` of each project that erases old orders."""
    return list(
        await tx.all(
            "SELECT id, order_retention_days, orders_erased_up_to FROM projects "
            "WHERE order_retention_days IS NOT NULL ORDER BY id"
        )
    )


async def orders_erased_up_to(tx: Tx, project_id: str, order_id: str) -> None:
    """Records that the content of all orders of a project up to this id is erased."""
    await tx.run(
        "UPDATE projects SET orders_erased_up_to = $2 WHERE id = $1 AND coalesce(orders_erased_up_to, '') < $2",
        project_id,
        order_id,
    )


async def add_key(tx: Tx, key: ApiKey, project_id: str, *, key_hash: str) -> None:
    """Stores a new API key's hash; the key itself is nowhere."""
    row = {
        "id": key.id,
        "project_id": project_id,
        "name": key.name,
        "hint": key.hint,
        "key_hash": key_hash,
        "scope": key.scope,
        "created_at": to_ms(key.created_at),
        "expires_at": to_ms(key.expires_at) if key.expires_at else None,
    }
    await insert(tx, "api_keys", row)


async def draw_permits(tx: Tx, key_hash: str, wanted: int, *, window_ms: int) -> tuple[int, int] | None:
    """
    Counts `wanted` requests in a key's rate limit window, and records the key's use.

    Starts a new window if the last one has ended. Returns the requests counted in the window, these included, and the
    ms until it ends; None if the key does not exist.
    """
    # a window may start ahead of now, if another process was faster; by more than its length, the clock was set back
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


async def list_keys(tx: Tx, project_id: str | None = None) -> list[ApiKey]:
    """Every key of a project, revoked ones too, oldest first; None: of every project."""
    rows = await tx.all(
        "SELECT k.*, p.name AS project_name FROM api_keys k JOIN projects p ON p.id = k.project_id "
        "WHERE coalesce($1, k.project_id) = k.project_id ORDER BY k.id",
        project_id,
    )
    return [_key(row) for row in rows]


async def revoke_key(tx: Tx, key_id: str, *, project_id: str | None = None) -> tuple[str, str] | None:
    """Ends a project's key now; returns its name and its project's id. None: no live key has this id."""
    row = await tx.one(
        "UPDATE api_keys SET revoked_at = now_ms() WHERE id = $1 AND coalesce($2, project_id) = project_id "
        "AND revoked_at IS NULL RETURNING name, project_id",
        key_id,
        project_id,
    )
    return (row["name"], row["project_id"]) if row else None


def _project(row: Row) -> Project:
    return Project(
        row["id"],
        row["name"],
        retention_days=row["retention_days"],
        order_retention_days=row["order_retention_days"],
    )


def _key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        project_name=row["project_name"],
        name=row["name"],
        hint=row["hint"],
        created_at=from_ms(row["created_at"]),
        last_used_at=maybe_from_ms(row["last_used_at"]),
        revoked_at=maybe_from_ms(row["revoked_at"]),
        scope=row["scope"],
        expires_at=maybe_from_ms(row["expires_at"]),
    )
