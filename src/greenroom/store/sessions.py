"""Queries on single-use sign-in links and sessions of the owner."""

from __future__ import annotations

from greenroom.store.db import Tx


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


async def add(tx: Tx, session_id: str, token_hash: str, *, lives_ms: int) -> None:
    """Adds a session by its token hash, and deletes expired sessions."""
    await tx.run("DELETE FROM sessions WHERE expires_at <= now_ms()")
    await tx.run(
        "INSERT INTO sessions (id, token_hash, created_at, expires_at) VALUES ($1, $2, now_ms(), now_ms() + $3)",
        session_id,
        token_hash,
        lives_ms,
    )


async def is_live(tx: Tx, token_hash: str) -> bool:
    """Returns whether a session has not ended or expired."""
    row = await tx.one("SELECT id FROM sessions WHERE token_hash = $1 AND expires_at > now_ms()", token_hash)
    return row is not None


async def end(tx: Tx, token_hash: str) -> None:
    """Ends a session."""
    await tx.run("DELETE FROM sessions WHERE token_hash = $1", token_hash)
