"""Queries on the accounts of a project and the calls of their ATSs, for the doctor; each is bounded."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.store.db import Row, Tx, marks

#: accounts of a provider that are examined, newest first
MOST = 500

_CALLER = (
    "SELECT a.id, a.provider, a.origin_owner_id, a.origin_owner_name, a.status, a.created_at, a.deleted_at, "
    "a.paused_at, (SELECT max(called_at) FROM trigger_calls WHERE account_id = a.id) AS called_at "
)


async def list_newest(tx: Tx, project_id: str, provider: str) -> Sequence[Row]:
    """Lists the newest accounts of a provider, each with the time of its ATS's latest call."""
    return await tx.all(
        f"{_CALLER} FROM accounts a WHERE a.project_id = $1 AND a.provider = $2 AND a.deleted_at IS NULL "
        "ORDER BY a.id DESC LIMIT $3",
        project_id,
        provider,
        MOST,
    )


async def list_named(tx: Tx, project_id: str, account_ids: Sequence[str]) -> Sequence[Row]:
    """Lists these accounts, as `list_newest` does, deleted ones too."""
    if not account_ids:
        return []
    return await tx.all(
        f"{_CALLER} FROM accounts a WHERE a.project_id = $1 AND a.id IN ({marks(account_ids, 2)})",
        project_id,
        *account_ids,
    )


async def list_tokens(tx: Tx, account_ids: Sequence[str]) -> Sequence[Row]:
    """Lists the live tokens of accounts, oldest first, with the times of their use."""
    if not account_ids:
        return []
    return await tx.all(
        "SELECT account_id, created_at, expires_at, first_used_at, last_used_at FROM account_tokens "  # noqa: S608
        f"WHERE account_id IN ({marks(account_ids)}) AND (expires_at IS NULL OR expires_at > now_ms()) ORDER BY id",
        *account_ids,
    )
