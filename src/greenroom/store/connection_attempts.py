"""Queries on attempts to link by consent at the ATS."""

from __future__ import annotations

from greenroom.model.connection_attempts import AttemptStatus, ConnectionAttempt
from greenroom.store.db import Row, Tx, from_ms


async def add(tx: Tx, attempt_id: str, project_id: str, session_id: int, *, lives_ms: int, most: int) -> None:
    """Adds a pending attempt; the oldest of the session over `most` are deleted."""
    await tx.run(
        "INSERT INTO connection_attempts (id, project_id, session_id, status, created_at, expires_at) "
        "VALUES ($1, $2, $3, 'pending', now_ms(), now_ms() + $4)",
        attempt_id,
        project_id,
        session_id,
        lives_ms,
    )
    await tx.run(
        "DELETE FROM connection_attempts WHERE session_id = $1 AND id NOT IN "
        "(SELECT id FROM connection_attempts WHERE session_id = $1 ORDER BY id DESC LIMIT $2)",
        session_id,
        most,
    )


async def find(tx: Tx, attempt_id: str, *, session_id: int | None = None) -> ConnectionAttempt | None:
    """Returns an attempt, of one session or of any; a pending one past its time is `expired`."""
    row = await tx.one(
        "SELECT *, CASE WHEN status = 'pending' AND expires_at <= now_ms() THEN 'expired' ELSE status END AS state "
        "FROM connection_attempts WHERE id = $1 AND session_id = COALESCE($2, session_id)",
        attempt_id,
        session_id,
    )
    return _attempt(row) if row else None


async def end(
    tx: Tx,
    attempt_id: str,
    status: AttemptStatus,
    *,
    account_id: str | None = None,
    error_code: str | None = None,
    error_description: str | None = None,
) -> bool:
    """Ends a pending attempt; returns False if it is no longer pending."""
    return bool(
        await tx.run(
            "UPDATE connection_attempts SET status = $2, account_id = $3, error_code = $4, error_description = $5 "
            "WHERE id = $1 AND status = 'pending' AND expires_at > now_ms()",
            attempt_id,
            status,
            account_id,
            error_code,
            error_description,
        )
    )


def _attempt(row: Row) -> ConnectionAttempt:
    return ConnectionAttempt(
        id=row["id"],
        project_id=row["project_id"],
        session_id=row["session_id"],
        status=row["state"],
        created_at=from_ms(row["created_at"]),
        account_id=row["account_id"],
        error_code=row["error_code"],
        error_description=row["error_description"],
    )
