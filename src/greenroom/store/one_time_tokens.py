"""Tokens that work once: invitations, password resets, and sign-ins that still need a code."""

from __future__ import annotations

from typing import Literal

from greenroom.model.people import Invitation, Role
from greenroom.store.db import Row, Tx, from_ms

Purpose = Literal["invitation", "password_reset", "second_factor"]
#: the SELECT of an open token, with what an invitation shows
OPEN = (
    "SELECT t.*, p.name AS project_name, u.id AS known_user_id FROM one_time_tokens t "
    "LEFT JOIN projects p ON p.id = t.project_id LEFT JOIN users u ON u.email = t.email "
    "WHERE t.expires_at > now_ms() AND "
)


async def add(
    tx: Tx,
    token_id: str,
    purpose: Purpose,
    token_hash: str,
    *,
    lives_ms: int,
    user_id: str | None = None,
    project_id: str | None = None,
    email: str | None = None,
    role: Role | None = None,
    created_by: str | None = None,
) -> None:
    """Stores a token's hash; deletes expired tokens, and earlier ones that this one replaces."""
    await tx.run("DELETE FROM one_time_tokens WHERE expires_at <= now_ms()")
    await tx.run(
        "DELETE FROM one_time_tokens WHERE purpose = $1 AND coalesce(project_id, '') = $2 AND coalesce(user_id, '') = "
        "$3 AND coalesce(email, '') = $4",
        purpose,
        project_id or "",
        user_id or "",
        email or "",
    )
    await tx.run(
        "INSERT INTO one_time_tokens (id, purpose, token_hash, user_id, project_id, email, role, created_by, "
        "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now_ms(), now_ms() + $9)",
        token_id,
        purpose,
        token_hash,
        user_id,
        project_id,
        email,
        role,
        created_by,
        lives_ms,
    )


async def find(tx: Tx, purpose: Purpose, token_hash: str) -> Row | None:
    """Returns the row of an open token."""
    return await tx.one(f"{OPEN} t.token_hash = $1 AND t.purpose = $2", token_hash, purpose)


async def use(tx: Tx, purpose: Purpose, token_hash: str) -> bool:
    """Uses up an open token. False: it does not exist, was used, or has expired."""
    return (
        await tx.run(
            "DELETE FROM one_time_tokens WHERE token_hash = $1 AND purpose = $2 AND expires_at > now_ms()",
            token_hash,
            purpose,
        )
        == 1
    )


async def list_invitations(tx: Tx, project_id: str) -> list[Invitation]:
    """Returns a project's open invitations, newest first."""
    rows = await tx.all(f"{OPEN} t.purpose = 'invitation' AND t.project_id = $1 ORDER BY t.id DESC", project_id)
    return [read_invitation(row) for row in rows]


async def revoke(tx: Tx, project_id: str, token_id: str) -> str | None:
    """Ends a project's open invitation; returns its e-mail address, None when there is none."""
    row = await tx.one(
        "DELETE FROM one_time_tokens WHERE id = $1 AND project_id = $2 AND purpose = 'invitation' RETURNING email",
        token_id,
        project_id,
    )
    return row["email"] if row else None


async def end_of_user(tx: Tx, user_id: str) -> None:
    """Ends a user's password resets and half-finished sign-ins."""
    await tx.run("DELETE FROM one_time_tokens WHERE user_id = $1", user_id)


def read_invitation(row: Row) -> Invitation:
    """Returns the invitation of a row of `find`."""
    return Invitation(
        id=row["id"],
        project_id=row["project_id"],
        project_name=row["project_name"],
        email=row["email"],
        role=row["role"],
        has_user=row["known_user_id"] is not None,
        invited_by=row["created_by"],
        created_at=from_ms(row["created_at"]),
        expires_at=from_ms(row["expires_at"]),
    )
