"""Queries on refused calls of ATSs, and on the tokens and tenants that they may have meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from greenroom.store.db import Row, Tx

#: refused calls of one kind and subject are counted up to this number
MOST_COUNTED = 1000
#: rows of a project; the oldest are replaced
MOST_ROWS = 200


@dataclass(frozen=True)
class Entry:
    """Refused calls of one kind and subject; `first_at` and `last_at` are in ms since 1970, `detail` is JSON."""

    project_id: str
    provider: str
    kind: str
    subject: str
    count: int
    first_at: int
    last_at: int
    detail: str


async def find_tenant(tx: Tx, provider: str, tenant_id: str) -> Row | None:
    """Returns the project of a tenant id."""
    return await tx.one(
        "SELECT project_id, enabled FROM integrations WHERE provider = $1 AND tenant_id = $2 LIMIT 1",
        provider,
        tenant_id,
    )


async def find_token(tx: Tx, provider: str, token_hash: str) -> Row | None:
    """Returns the account of a token, live or not, with the token's `expires_at` and its project's integration."""
    return await tx.one(
        "SELECT a.id, a.project_id, a.deleted_at, a.paused_at, t.expires_at, t.expires_at <= now_ms() AS expired, "
        "i.tenant_id, i.enabled FROM account_tokens t JOIN accounts a ON a.id = t.account_id "
        "LEFT JOIN integrations i ON i.project_id = a.project_id AND i.provider = a.provider "
        "WHERE t.token_hash = $1 AND a.provider = $2",
        token_hash,
        provider,
    )


async def list_newest_tokens(tx: Tx, project_id: str, provider: str, *, limit: int) -> Sequence[Row]:
    """Lists the live tokens of a project's accounts at a provider, newest first."""
    return await tx.all(
        "SELECT t.id, t.account_id, t.token_sealed FROM account_tokens t JOIN accounts a ON a.id = t.account_id "
        "WHERE a.project_id = $1 AND a.provider = $2 AND a.deleted_at IS NULL "
        "AND (t.expires_at IS NULL OR t.expires_at > now_ms()) ORDER BY t.id DESC LIMIT $3",
        project_id,
        provider,
        limit,
    )


async def add(tx: Tx, entry: Entry, *, anew: bool) -> None:
    """Adds refused calls to those of the same kind and subject; `anew` replaces them."""
    total = "refused_calls.count + excluded.count"
    count = "excluded.count" if anew else f"CASE WHEN {total} > {MOST_COUNTED} THEN {MOST_COUNTED} ELSE {total} END"
    await tx.run(
        "INSERT INTO refused_calls (project_id, provider, kind, subject, count, first_at, last_at, detail) "  # noqa: S608
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (project_id, provider, kind, subject) DO UPDATE SET "
        f"count = {count}, first_at = {'excluded' if anew else 'refused_calls'}.first_at, last_at = excluded.last_at, "
        "detail = excluded.detail",
        entry.project_id,
        entry.provider,
        entry.kind,
        entry.subject,
        min(MOST_COUNTED, entry.count),
        entry.first_at,
        entry.last_at,
        entry.detail,
    )


async def delete(tx: Tx, project_id: str, provider: str, kind: str, subject: str) -> None:
    """Deletes the refused calls of one kind and subject."""
    await tx.run(
        "DELETE FROM refused_calls WHERE project_id = $1 AND provider = $2 AND kind = $3 AND subject = $4",
        project_id,
        provider,
        kind,
        subject,
    )


async def delete_oldest(tx: Tx, project_id: str) -> None:
    """Deletes the oldest rows of a project beyond `MOST_ROWS`."""
    await tx.run(
        "DELETE FROM refused_calls WHERE project_id = $1 AND (provider, kind, subject) NOT IN (SELECT provider, kind, "
        "subject FROM refused_calls WHERE project_id = $1 ORDER BY last_at DESC LIMIT $2)",
        project_id,
        MOST_ROWS,
    )


async def list_refused(tx: Tx, project_id: str) -> Sequence[Row]:
    """Lists the refused calls of a project, the latest first."""
    return await tx.all(
        "SELECT * FROM refused_calls WHERE project_id = $1 ORDER BY last_at DESC LIMIT $2", project_id, MOST_ROWS
    )
