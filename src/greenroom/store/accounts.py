"""Queries on accounts, their external trigger tokens and the latest requests of their ATS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from greenroom.model.accounts import Account, AccountStatus
from greenroom.store.db import Row, Tx, from_json, from_ms, insert, marks, maybe_from_ms, to_json, to_ms, update


async def find(tx: Tx, project_id: str, account_id: str) -> Account | None:
    """Returns an account of a project, unless it is deleted."""
    row = await tx.one(
        "SELECT * FROM accounts WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL", account_id, project_id
    )
    return get_account(row) if row else None


async def find_with_credentials(tx: Tx, project_id: str, account_id: str) -> tuple[Account, str | None] | None:
    """Returns an account as `find` does, with its sealed credentials."""
    row = await tx.one(
        "SELECT * FROM accounts WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL", account_id, project_id
    )
    return (get_account(row), row["credentials_sealed"]) if row else None


async def find_by_owner(tx: Tx, project_id: str, provider: str, owner_id: str) -> Account | None:
    """Returns the oldest account of a customer."""
    row = await tx.one(
        "SELECT * FROM accounts WHERE project_id = $1 AND provider = $2 AND origin_owner_id = $3 "
        "AND deleted_at IS NULL ORDER BY id LIMIT 1",
        project_id,
        provider,
        owner_id,
    )
    return get_account(row) if row else None


async def find_pending(tx: Tx, project_id: str, provider: str, owner_id: str) -> Account | None:
    """Returns the newest account of a customer that is not linked yet."""
    row = await tx.one(
        "SELECT * FROM accounts WHERE project_id = $1 AND provider = $2 AND origin_owner_id = $3 "
        "AND status = 'inactive' AND deleted_at IS NULL ORDER BY id DESC LIMIT 1",
        project_id,
        provider,
        owner_id,
    )
    return get_account(row) if row else None


async def find_by_token(tx: Tx, provider: str, token_hash: str) -> Row | None:
    """Returns the account of a live external trigger token, with `tenant_id` and `store` of its integration."""
    return await tx.one(
        "SELECT a.*, i.tenant_id, i.store FROM account_tokens t JOIN accounts a ON a.id = t.account_id "
        "JOIN integrations i ON i.project_id = a.project_id AND i.provider = a.provider AND i.enabled = 1 "
        "WHERE t.token_hash = $1 AND a.provider = $2 AND a.deleted_at IS NULL AND a.paused_at IS NULL "
        "AND (t.expires_at IS NULL OR t.expires_at > now_ms())",
        token_hash,
        provider,
    )


async def list_page(
    tx: Tx,
    project_id: str,
    *,
    provider: str | None,
    owner_id: str | None,
    status: AccountStatus | None,
    before: str | None,
    limit: int,
) -> list[Account]:
    """Lists accounts of a project, newest first, after id `before`; a filter of None matches all."""
    where: list[str] = ["project_id = $1", "deleted_at IS NULL"]
    values: list[str | int] = [project_id]
    given = (("provider =", provider), ("origin_owner_id =", owner_id), ("status =", status), ("id <", before))
    for condition, value in given:
        if value is not None:
            values.append(value)
            where.append(f"{condition} ${len(values)}")
    values.append(limit)
    rows = await tx.all(
        f"SELECT * FROM accounts WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ${len(values)}",  # noqa: S608
        *values,
    )
    return [get_account(row) for row in rows]


async def list_matching(
    tx: Tx, project_id: str, filters: Mapping[str, Sequence[str]], *, skip: int, limit: int
) -> list[Account]:
    """
    Lists accounts of a project, oldest first, without the first `skip`.

    `filters` has the accepted values of id, provider, origin_owner_id and status; no values accept all.
    """
    where: list[str] = ["project_id = $1", "deleted_at IS NULL"]
    values: list[str | int] = [project_id]
    for column in ("id", "provider", "origin_owner_id", "status"):
        if wanted := filters.get(column):
            where.append(f"{column} IN ({marks(wanted, len(values) + 1)})")
            values += wanted
    rows = await tx.all(
        f"SELECT * FROM accounts WHERE {' AND '.join(where)} ORDER BY id "  # noqa: S608
        f"LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}",
        *values,
        limit,
        skip,
    )
    return [get_account(row) for row in rows]


async def count(tx: Tx, project_id: str, *, provider: str | None = None) -> int:
    """Counts the accounts of a project, with one provider or all."""
    row = await tx.one(
        "SELECT count(*) AS n FROM accounts WHERE project_id = $1 AND deleted_at IS NULL "
        "AND provider = COALESCE($2, provider)",
        project_id,
        provider,
    )
    return int(row["n"]) if row else 0


async def add(tx: Tx, account: Account) -> None:
    """Adds a new account."""
    await insert(
        tx,
        "accounts",
        {
            "id": account.id,
            "project_id": account.project_id,
            "created_at": to_ms(account.created_at),
            **_changing(account),
        },
    )


async def save(tx: Tx, account: Account) -> None:
    """Updates the mutable columns of an account."""
    await update(tx, "accounts", account.id, _changing(account))


async def find_credentials(tx: Tx, account_id: str) -> str | None:
    """Returns the sealed credentials of an account."""
    row = await tx.one("SELECT credentials_sealed FROM accounts WHERE id = $1", account_id)
    return row["credentials_sealed"] if row else None


async def save_credentials(tx: Tx, account_id: str, credentials_sealed: str | None) -> None:
    """Replaces the credentials of an account."""
    await update(tx, "accounts", account_id, {"credentials_sealed": credentials_sealed})


async def delete(tx: Tx, account_id: str) -> None:
    """Marks an account as deleted, so that no query returns it; its orders stay."""
    await tx.run("UPDATE accounts SET deleted_at = now_ms() WHERE id = $1", account_id)


async def add_token(tx: Tx, token_id: str, account_id: str, *, token_hash: str, token_sealed: str) -> None:
    """Adds a token that does not expire."""
    await tx.run(
        "INSERT INTO account_tokens (id, account_id, token_hash, token_sealed, created_at) "
        "VALUES ($1, $2, $3, $4, now_ms())",
        token_id,
        account_id,
        token_hash,
        token_sealed,
    )


async def list_live_tokens(tx: Tx, account_id: str) -> Sequence[Row]:
    """Lists the live tokens of an account, newest first."""
    return await tx.all(
        "SELECT * FROM account_tokens WHERE account_id = $1 AND (expires_at IS NULL OR expires_at > now_ms()) "
        "ORDER BY id DESC",
        account_id,
    )


async def expire_tokens(tx: Tx, account_id: str, *, overlap_ms: int) -> None:
    """Lets the current token expire after the overlap, and older tokens now."""
    await tx.run(
        "UPDATE account_tokens SET expires_at = now_ms() WHERE account_id = $1 AND expires_at > now_ms()", account_id
    )
    await tx.run(
        "UPDATE account_tokens SET expires_at = now_ms() + $2 WHERE account_id = $1 AND expires_at IS NULL",
        account_id,
        overlap_ms,
    )


async def note_call(tx: Tx, account_id: str, call: str, status: int, host: str | None = None) -> None:
    """Records the time of the latest request of this kind from the ATS, the status that answered it, and its host."""
    await tx.run(
        "INSERT INTO trigger_calls (account_id, call, called_at, status, host) VALUES ($1, $2, now_ms(), $3, $4) "
        "ON CONFLICT (account_id, call) DO UPDATE SET called_at = excluded.called_at, status = excluded.status, "
        "host = excluded.host",
        account_id,
        call,
        status,
        host,
    )


async def note_token_use(tx: Tx, account_id: str, token_hash: str, *, every_ms: int) -> None:
    """Records that the ATS calls with a token, at most once in `every_ms`."""
    await tx.run(
        "UPDATE account_tokens SET last_used_at = now_ms(), first_used_at = COALESCE(first_used_at, now_ms()) "
        "WHERE account_id = $1 AND token_hash = $2 AND (last_used_at IS NULL OR last_used_at <= now_ms() - $3)",
        account_id,
        token_hash,
        every_ms,
    )


async def last_calls(tx: Tx, project_id: str, provider: str) -> dict[str, int]:
    """Returns the time of the latest request of each kind for any account of a project, in ms since 1970."""
    rows = await tx.all(
        "SELECT call, max(called_at) AS called_at FROM trigger_calls JOIN accounts ON accounts.id = account_id "
        "WHERE project_id = $1 AND provider = $2 AND deleted_at IS NULL GROUP BY call",
        project_id,
        provider,
    )
    return {row["call"]: row["called_at"] for row in rows}


async def last_seen(tx: Tx, account_ids: Sequence[str]) -> dict[str, int]:
    """Returns the time of the latest request of any kind from the ATSs of these accounts, in ms since 1970."""
    if not account_ids:
        return {}
    rows = await tx.all(
        f"SELECT account_id, max(called_at) AS at FROM trigger_calls WHERE account_id IN ({marks(account_ids)}) "  # noqa: S608
        "GROUP BY account_id",
        *account_ids,
    )
    return {row["account_id"]: row["at"] for row in rows}


async def count_orders(tx: Tx, account_ids: Sequence[str], *, most: int) -> dict[str, int]:
    """Counts the orders of each of these accounts up to `most`, from an index alone."""
    if not account_ids:
        return {}
    counts = [
        f"SELECT '{number}' AS number, (SELECT count(*) FROM "  # noqa: S608
        f"(SELECT 1 FROM orders WHERE account_id = ${number + 2} LIMIT $1) AS some) AS n"
        for number in range(len(account_ids))
    ]
    rows = await tx.all(" UNION ALL ".join(counts), most, *account_ids)
    return {account_ids[int(row["number"])]: int(row["n"]) for row in rows}


async def list_calls(tx: Tx, account_id: str) -> Sequence[Row]:
    """Lists the latest request of each kind from the ATS of an account, the newest first."""
    return await tx.all(
        "SELECT call, called_at, status FROM trigger_calls WHERE account_id = $1 ORDER BY called_at DESC, call",
        account_id,
    )


def get_account(row: Row) -> Account:
    """Returns the account of a row that has at least the columns of `accounts`."""
    return Account(
        id=row["id"],
        project_id=row["project_id"],
        provider=row["provider"],
        origin_owner_id=row["origin_owner_id"],
        origin_owner_name=row["origin_owner_name"],
        origin_username=row["origin_username"],
        label=row["label"],
        type=row["type"],
        status=row["status"],
        status_reasons=tuple(json.loads(row["status_reasons"])),
        setup_information=from_json(row["setup_information"]),
        metadata=from_json(row["metadata"]),
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
        paused_at=maybe_from_ms(row["paused_at"]),
    )


def _changing(account: Account) -> dict[str, str | int | None]:
    return {
        "provider": account.provider,
        "origin_owner_id": account.origin_owner_id,
        "origin_owner_name": account.origin_owner_name,
        "origin_username": account.origin_username,
        "label": account.label,
        "type": account.type,
        "status": account.status,
        "status_reasons": to_json(list(account.status_reasons)),
        "setup_information": to_json(account.setup_information),
        "metadata": to_json(account.metadata),
        "updated_at": to_ms(account.updated_at),
        "paused_at": to_ms(account.paused_at) if account.paused_at else None,
    }
