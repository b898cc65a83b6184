"""Sign-in links that work once, and sessions."""

from __future__ import annotations

from greenroom.model.people import Identity, Session, User
from greenroom.model.projects import Project
from greenroom.store.db import Row, Tx, from_ms

#: sessions of one user; the oldest one ends when another begins
MOST = 20
#: a session that an older version began was never marked as used
LAST_USED = "coalesce(s.last_used_at, s.created_at)"


async def add_code(tx: Tx, code_id: str, code_hash: str, *, lives_ms: int) -> bool:
    """Adds a sign-in code by its hash; returns False if the id exists."""
    added = await tx.run(
        "INSERT INTO sign_in_codes (id, code_hash, created_at, expires_at) VALUES ($1, $2, now_ms(), now_ms() + $3) "
        "ON CONFLICT (id) DO NOTHING",
        code_id,
        code_hash,
        lives_ms,
    )
    return added == 1


async def has_codes(tx: Tx) -> bool:
    """Returns whether a sign-in link was ever made."""
    return await tx.one("SELECT id FROM sign_in_codes LIMIT 1") is not None


async def is_open_code(tx: Tx, code_hash: str) -> bool:
    """Returns whether a code can be used now."""
    found = await tx.one(
        "SELECT id FROM sign_in_codes WHERE code_hash = $1 AND used_at IS NULL AND expires_at > now_ms()", code_hash
    )
    return found is not None


async def use_code(tx: Tx, code_hash: str) -> bool:
    """Uses a code; returns False if it does not exist, was used, or has expired."""
    return (
        await tx.run(
            "UPDATE sign_in_codes SET used_at = now_ms() "
            "WHERE code_hash = $1 AND used_at IS NULL AND expires_at > now_ms()",
            code_hash,
        )
        == 1
    )


async def add(
    tx: Tx,
    session_id: str,
    token_hash: str,
    *,
    user_id: str | None,
    network: str | None,
    user_agent: str | None,
    lives_ms: int,
    idle_ms: int,
) -> None:
    """Stores a session's hash; deletes sessions that have ended, and a user's oldest over `MOST`."""
    await tx.run(
        f"DELETE FROM sessions AS s WHERE s.expires_at <= now_ms() OR {LAST_USED} <= now_ms() - $1",  # noqa: S608
        idle_ms,
    )
    if user_id is not None:
        await tx.run(
            "DELETE FROM sessions WHERE user_id = $1 AND id NOT IN "
            "(SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT $2)",
            user_id,
            MOST - 1,
        )
    await tx.run(
        "INSERT INTO sessions (id, token_hash, user_id, network, user_agent, created_at, last_used_at, expires_at) "
        "VALUES ($1, $2, $3, $4, $5, now_ms(), now_ms(), now_ms() + $6)",
        session_id,
        token_hash,
        user_id,
        network,
        user_agent,
        lives_ms,
    )


async def identify(tx: Tx, token_hash: str, project_id: str | None, *, idle_ms: int, touch_ms: int) -> Identity | None:
    """
    Returns the identity of a live session, with the project and the role in it where the session may see it.

    `is_idle` is set when the session was marked as used longer ago than `touch_ms`.
    """
    row = await tx.one(
        f"SELECT s.id, s.user_id, {LAST_USED} < now_ms() - $4 AS is_idle, u.email, u.name, u.created_at, "  # noqa: S608
        "u.totp_enabled_at, p.id AS project_id, p.name AS project_name, p.retention_days, p.order_retention_days, "
        "CASE WHEN p.id IS NULL THEN NULL WHEN s.user_id IS NULL THEN 'owner' ELSE m.role END AS role "
        "FROM sessions s LEFT JOIN users u ON u.id = s.user_id LEFT JOIN projects p "
        "ON p.id = $2 AND p.deleted_at IS NULL "
        "LEFT JOIN members m ON m.project_id = p.id AND m.user_id = s.user_id "
        f"WHERE s.token_hash = $1 AND s.expires_at > now_ms() AND {LAST_USED} > now_ms() - $3 "
        "AND (s.user_id IS NULL OR u.id IS NOT NULL)",
        token_hash,
        project_id,
        idle_ms,
        touch_ms,
    )
    if row is None:
        return None
    user = None
    if row["user_id"] is not None:
        has_totp = row["totp_enabled_at"] is not None
        user = User(row["user_id"], row["email"], row["name"], has_totp, from_ms(row["created_at"]))
    project = None
    if row["role"] is not None:
        project = Project(
            row["project_id"],
            row["project_name"],
            retention_days=row["retention_days"],
            order_retention_days=row["order_retention_days"],
        )
    return Identity(row["id"], user, project, row["role"], bool(row["is_idle"]))


async def touch(tx: Tx, session_id: str) -> None:
    """Marks a session as used now."""
    await tx.run("UPDATE sessions SET last_used_at = now_ms() WHERE id = $1", session_id)


async def list_sessions(tx: Tx, user_id: str | None, *, idle_ms: int) -> list[Session]:
    """Returns a user's live sessions, newest first, 100 at the most; None: those of sign-in links."""
    rows = await tx.all(
        f"SELECT s.*, {LAST_USED} AS used_at FROM sessions s WHERE coalesce(s.user_id, '') = $1 "  # noqa: S608
        f"AND s.expires_at > now_ms() AND {LAST_USED} > now_ms() - $2 ORDER BY s.id DESC LIMIT 100",
        user_id or "",
        idle_ms,
    )
    return [_session(row) for row in rows]


async def end_by_hash(tx: Tx, token_hash: str) -> tuple[str, str | None] | None:
    """Ends a session; returns its id and its user's, None when there is none."""
    row = await tx.one("DELETE FROM sessions WHERE token_hash = $1 RETURNING id, user_id", token_hash)
    return (row["id"], row["user_id"]) if row else None


async def end(tx: Tx, session_id: str, user_id: str | None) -> bool:
    """Ends a user's session by id; None: a sign-in link's. False: there is none."""
    return (
        await tx.run("DELETE FROM sessions WHERE id = $1 AND coalesce(user_id, '') = $2", session_id, user_id or "")
        == 1
    )


async def end_others(tx: Tx, user_id: str, *, keep: str | None) -> int:
    """Ends a user's sessions but one; returns how many."""
    return await tx.run("DELETE FROM sessions WHERE user_id = $1 AND id <> $2", user_id, keep or "")


def _session(row: Row) -> Session:
    return Session(
        id=row["id"],
        user_id=row["user_id"],
        network=row["network"],
        user_agent=row["user_agent"],
        created_at=from_ms(row["created_at"]),
        last_used_at=from_ms(row["used_at"]),
        expires_at=from_ms(row["expires_at"]),
    )
