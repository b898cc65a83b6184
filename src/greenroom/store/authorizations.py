"""Queries on authorizations that a customer has begun; their states are stored as hashes."""

from __future__ import annotations

from greenroom.store.db import Row, Tx

#: open authorizations of one account at most; older ones are deleted
MOST = 20
#: time for which an ended one is kept, so that a late answer gets the reason
KEPT_MS = 86_400_000


async def add(
    tx: Tx,
    row_id: str,
    *,
    state_hash: str,
    browser_hash: str,
    project_id: str,
    account_id: str,
    started_by: str,
    attempt_id: str | None,
    lives_ms: int,
) -> None:
    """Adds an authorization; deletes old ones, and the oldest of the account over its limit."""
    await tx.run("DELETE FROM oauth_states WHERE expires_at < now_ms() - $1", KEPT_MS)
    await tx.run(
        "DELETE FROM oauth_states WHERE account_id = $1 AND id NOT IN "
        "(SELECT id FROM oauth_states WHERE account_id = $1 ORDER BY id DESC LIMIT $2)",
        account_id,
        MOST - 1,
    )
    await tx.run(
        "INSERT INTO oauth_states (id, state_hash, browser_hash, project_id, account_id, started_by, attempt_id, "
        "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, now_ms(), now_ms() + $8)",
        row_id,
        state_hash,
        browser_hash,
        project_id,
        account_id,
        started_by,
        attempt_id,
        lives_ms,
    )


async def find(tx: Tx, state_hash: str) -> Row | None:
    """Returns an authorization, `open` if it has not expired, with the provider of its account, None once unlinked."""
    return await tx.one(
        "SELECT s.*, s.expires_at > now_ms() AS open, a.provider FROM oauth_states s "
        "LEFT JOIN accounts a ON a.id = s.account_id AND a.deleted_at IS NULL WHERE s.state_hash = $1",
        state_hash,
    )


async def use(tx: Tx, row_id: str) -> bool:
    """Uses up an authorization; False when it was used before."""
    return await tx.run("UPDATE oauth_states SET used_at = now_ms() WHERE id = $1 AND used_at IS NULL", row_id) == 1
