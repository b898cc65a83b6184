"""Queries on the customers' access to the APIs of their ATSs: tokens, leases and windows of rate limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from greenroom.model.api_windows import USUAL_SIZE, ApiWindow
from greenroom.store.db import Row, Tx, now_ms


async def find(tx: Tx, account_id: str) -> Row | None:
    """
    Returns the access of an account.

    Besides the columns, `valid` is of its access token, `refresh_due` of its tokens, and `retry_ms` is the time until
    the authorization server may be asked again.
    """
    return await tx.one(
        "SELECT *, coalesce(expires_at, 0) > now_ms() AS valid, coalesce(retry_at, 0) - now_ms() AS retry_ms, "
        "coalesce(refresh_due_at <= now_ms(), 1 = 0) AS refresh_due "
        "FROM account_access WHERE account_id = $1",
        account_id,
    )


async def find_with_integration(tx: Tx, project_id: str, provider: str, account_id: str) -> Row | None:
    """Returns an integration, with the access of an account: the columns of `find`, all NULL if it has none."""
    return await tx.one(
        "SELECT i.*, s.version, s.tokens_sealed, s.client_hash, s.scopes, s.connected_by, s.connected_at, "
        "s.refreshed_at, s.refresh_due_at, s.problem_code, s.problem_reason, s.problem_scope, s.problem_at, "
        "coalesce(s.expires_at, 0) > now_ms() AS valid, coalesce(s.retry_at, 0) - now_ms() AS retry_ms, "
        "coalesce(s.refresh_due_at <= now_ms(), 1 = 0) AS refresh_due "
        "FROM integrations i LEFT JOIN account_access s ON s.account_id = $3 "
        "WHERE i.project_id = $1 AND i.provider = $2",
        project_id,
        provider,
        account_id,
    )


async def ensure(tx: Tx, account_id: str, project_id: str) -> None:
    """Adds the row of an account unless it exists."""
    await tx.run(
        "INSERT INTO account_access (account_id, project_id) VALUES ($1, $2) ON CONFLICT (account_id) DO NOTHING",
        account_id,
        project_id,
    )


async def take_lease(tx: Tx, account_id: str, version: int, lease: str, *, lease_ms: int) -> bool:
    """
    Leases the next request for tokens to one process.

    Returns False while another process has the lease, or when newer tokens than `version` are stored.
    """
    return (
        await tx.run(
            "UPDATE account_access SET lease = $3, lease_until = now_ms() + $4 "
            "WHERE account_id = $1 AND version = $2 AND coalesce(lease_until, 0) <= now_ms()",
            account_id,
            version,
            lease,
            lease_ms,
        )
        == 1
    )


async def end_lease(tx: Tx, account_id: str, lease: str, *, retry_ms: int, client_hash: str) -> None:
    """Ends a lease whose request brought no tokens; the next request is made after `retry_ms`."""
    await tx.run(
        "UPDATE account_access SET lease = NULL, lease_until = NULL, retry_at = now_ms() + $3, client_hash = $4, "
        "refresh_due_at = CASE WHEN refresh_due_at IS NULL THEN NULL ELSE now_ms() + $3 END "
        "WHERE account_id = $1 AND lease = $2",
        account_id,
        lease,
        retry_ms,
        client_hash,
    )


async def save_tokens(
    tx: Tx,
    account_id: str,
    *,
    version: int | None,
    tokens_sealed: str,
    client_hash: str,
    lives_ms: int,
    refresh_in_ms: int | None,
) -> bool:
    """
    Stores new tokens and ends the lease; False when newer ones than `version` are stored.

    `version` None replaces any. The fence is the version and not the lease: the process whose request was answered has
    the only valid pair, even when its lease has expired meanwhile.
    """
    return (
        await tx.run(
            "UPDATE account_access SET version = version + 1, tokens_sealed = $3, client_hash = $4, "
            "expires_at = now_ms() + $5, refreshed_at = now_ms(), refresh_due_at = now_ms() + $6, retry_at = NULL, "
            "lease = NULL, lease_until = NULL WHERE account_id = $1 AND version = coalesce($2, version)",
            account_id,
            version,
            tokens_sealed,
            client_hash,
            lives_ms,
            refresh_in_ms,
        )
        == 1
    )


async def save_connection(tx: Tx, account_id: str, *, scopes: str | None, connected_by: str | None) -> None:
    """Stores granted scopes, and that a person connected the account now; None keeps the stored value."""
    await tx.run(
        "UPDATE account_access SET scopes = coalesce($2, scopes), connected_by = coalesce($3, connected_by), "
        "connected_at = CASE WHEN $3 IS NOT NULL OR connected_at IS NULL THEN now_ms() ELSE connected_at END "
        "WHERE account_id = $1",
        account_id,
        scopes,
        connected_by,
    )


async def set_problem(tx: Tx, account_id: str, code: str, reason: str, scope: str | None) -> bool:
    """Stores why the access cannot be used; False when a problem with the same code was stored before."""
    return (
        await tx.run(
            "UPDATE account_access SET problem_code = $2, problem_reason = $3, problem_scope = $4, "
            "problem_at = now_ms() WHERE account_id = $1 AND coalesce(problem_code, '') <> $2",
            account_id,
            code,
            reason,
            scope,
        )
        == 1
    )


async def clear_problem(tx: Tx, account_id: str) -> bool:
    """Deletes the stored problem; False when there is none."""
    return (
        await tx.run(
            "UPDATE account_access SET problem_code = NULL, problem_reason = NULL, problem_scope = NULL, "
            "problem_at = NULL WHERE account_id = $1 AND problem_code IS NOT NULL",
            account_id,
        )
        == 1
    )


async def end_tokens(tx: Tx, account_id: str, version: int) -> bool:
    """Stops the refreshes of tokens that the ATS refused; they stay stored until newer ones replace them."""
    return (
        await tx.run(
            "UPDATE account_access SET refresh_due_at = NULL, expires_at = NULL, lease = NULL, lease_until = NULL "
            "WHERE account_id = $1 AND version = $2",
            account_id,
            version,
        )
        == 1
    )


async def expire_token(tx: Tx, account_id: str, version: int, *, retry_ms: int) -> None:
    """Marks an access token that the ATS refused as expired; the next one is asked for after `retry_ms`."""
    await tx.run(
        "UPDATE account_access SET expires_at = NULL, retry_at = now_ms() + $3 WHERE account_id = $1 AND version = $2",
        account_id,
        version,
        retry_ms,
    )


async def delete(tx: Tx, account_id: str) -> None:
    """Deletes the access of an account."""
    await tx.run("DELETE FROM account_access WHERE account_id = $1", account_id)
    await tx.run("DELETE FROM oauth_states WHERE account_id = $1", account_id)


async def list_due(tx: Tx, *, limit: int) -> Sequence[Row]:
    """Lists the accounts whose tokens are due for a refresh, in all projects, with their provider."""
    return await tx.all(
        "SELECT s.account_id, s.project_id, a.provider FROM account_access s JOIN accounts a ON a.id = s.account_id "
        "WHERE s.refresh_due_at <= now_ms() ORDER BY s.refresh_due_at LIMIT $1",
        limit,
    )


async def postpone_refresh(tx: Tx, account_id: str, *, by_ms: int) -> None:
    """Makes a scheduled refresh due later."""
    await tx.run(
        "UPDATE account_access SET refresh_due_at = now_ms() + $2 WHERE account_id = $1 AND refresh_due_at IS NOT NULL",
        account_id,
        by_ms,
    )


async def lock_window(tx: Tx, account_id: str) -> tuple[ApiWindow, int]:
    """Returns the window of an account's rate limit, locked until the transaction ends, and the database's time."""
    await tx.run(
        "INSERT INTO account_api_windows (account_id, window_id, ends_at, spare, size, blocked_until) "
        "VALUES ($1, 0, 0, 0, $2, 0) ON CONFLICT (account_id) DO NOTHING",
        account_id,
        USUAL_SIZE,
    )
    row: Any = await tx.one("SELECT * FROM account_api_windows WHERE account_id = $1 {for_update}", account_id)
    window = ApiWindow(row["window_id"], row["ends_at"], row["spare"], row["size"], row["blocked_until"])
    return window, await now_ms(tx)


async def save_window(tx: Tx, account_id: str, window: ApiWindow) -> None:
    """Saves the window of an account's rate limit."""
    await tx.run(
        "UPDATE account_api_windows SET window_id = $2, ends_at = $3, spare = $4, size = $5, blocked_until = $6 "
        "WHERE account_id = $1",
        account_id,
        window.window_id,
        window.ends_at,
        window.spare,
        window.size,
        window.blocked_until,
    )
