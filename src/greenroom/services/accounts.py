"""Linked customer ATSs and the tokens with which they call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.accounts import Account, AccountStatus
from greenroom.model.events import ACCOUNT_CREATED, ACCOUNT_DELETED, ACCOUNT_UPDATED, account_payload, stamp
from greenroom.security.tokens import new_external_trigger_token, token_hash
from greenroom.services import audit, events, refused_calls
from greenroom.store import access as access_rows
from greenroom.store import accounts as account_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import enrichments as enrichment_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Row, Tx, from_json, from_ms

#: default validity of a replaced token; long, since replacing it at the ATS takes a support ticket
OVERLAP = timedelta(days=30)

#: status reason of an account that is not active yet
UNFINISHED = {
    "code": "linking_unfinished",
    "description": "The customer has seen the token and has not finished linking.",
}


@dataclass(frozen=True)
class NewAccount:
    """The fields of a new account; `credentials` are stored encrypted."""

    provider: str
    origin_owner_id: str
    origin_owner_name: str
    origin_username: str | None = None
    label: str | None = None
    type: Literal["production", "test"] = "production"
    metadata: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, Any] | None = None


@transaction(queues=True)
async def link(ctx: Context, tx: Tx, project_id: str, new: NewAccount) -> tuple[Account, str]:
    """
    Links a customer's ATS; returns the account and its external trigger token.

    If the owner already has an account at this provider, that account and its current token are returned.
    """
    account, token = await ensure(ctx, tx, project_id, new)
    linked = await finish(ctx, tx, account, credentials=new.credentials)
    if linked is not account:
        detail = {"provider": linked.provider, "origin_owner_id": linked.origin_owner_id}
        await audit.record(ctx, tx, "account.linked", linked.id, project_id=project_id, detail=detail)
    return linked, token


async def ensure(
    ctx: Context, tx: Tx, project_id: str, new: NewAccount, *, another: bool = False
) -> tuple[Account, str]:
    """
    Returns the owner's account and its token; creates an `inactive` account if there is none.

    Runs inside another service's transaction. `another` creates a further account even if the owner has one.

    Raises:
        Conflict: the project has reached its limit of accounts.
    """
    await project_rows.lock(tx, project_id)
    account = None
    if not another:
        account = await account_rows.find_by_owner(tx, project_id, new.provider, new.origin_owner_id)
    if account is None:
        await _check_quota(ctx, tx, project_id)
        now = ctx.now()
        account = Account(
            id=ctx.new_id("acc"),
            project_id=project_id,
            provider=new.provider,
            origin_owner_id=new.origin_owner_id,
            origin_owner_name=new.origin_owner_name,
            origin_username=new.origin_username,
            label=new.label,
            type=new.type,
            status="inactive",
            status_reasons=({**UNFINISHED, "timestamp": stamp(now)},),
            metadata=new.metadata,
            created_at=now,
            updated_at=now,
        )
        await account_rows.add(tx, account)
    return account, await live_token(ctx, tx, account.id) or await _mint(ctx, tx, account.id)


async def _check_quota(ctx: Context, tx: Tx, project_id: str) -> None:
    most = ctx.settings.max_accounts
    if await account_rows.count(tx, project_id) >= most:
        raise Conflict(
            f"The project has {most} linked accounts, the most it may have (GREENROOM_MAX_ACCOUNTS). Unlink those that "
            "are not used.",
            code="QuotaReached",
        )


async def finish(ctx: Context, tx: Tx, account: Account, *, credentials: Mapping[str, Any] | None = None) -> Account:
    """
    Activates an inactive account and publishes `account.created`.

    Runs inside another service's transaction. Does nothing to an active account: its `credentials` are changed with
    `change`.
    """
    if account.status != "inactive":
        return account
    linked = replace(account, status="active", status_reasons=(), updated_at=ctx.now())
    await account_rows.save(tx, linked)
    if credentials:
        await _merge_credentials(ctx, tx, account.id, credentials)
    await publish(ctx, tx, linked, ACCOUNT_CREATED)
    return linked


async def store_link(ctx: Context, tx: Tx, account: Account, credentials: Mapping[str, Any]) -> Account:
    """
    Stores a customer's entries in the hub: activates the account, or publishes `account.updated` if it is linked.

    Runs inside another service's transaction. An account with an error becomes active; equal values change nothing.
    """
    if account.status == "inactive":
        return await finish(ctx, tx, account, credentials=credentials)
    stored = await open_credentials(ctx, tx, account.id)
    changed = sorted(name for name, value in credentials.items() if stored.get(name) != value)
    if not changed and account.status == "active":
        return account
    if changed:
        await _merge_credentials(ctx, tx, account.id, credentials)
    updated = replace(account, status="active", status_reasons=(), updated_at=ctx.now())
    await account_rows.save(tx, updated)
    await publish(ctx, tx, updated, ACCOUNT_UPDATED)
    detail = {"fields": ["credentials"] * bool(changed)}
    await audit.record(ctx, tx, "account.changed", account.id, project_id=account.project_id, detail=detail)
    return updated


@transaction(queues=True)
async def change(
    ctx: Context,
    tx: Tx,
    project_id: str,
    account_id: str,
    changes: Mapping[str, Any],
    *,
    credentials: Mapping[str, Any] | None = None,
) -> Account:
    """
    Changes some fields of an account and publishes `account.updated` unless nothing changed.

    `changes` has fields of `Account`; `credentials` are merged into the stored ones.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    await project_rows.lock(tx, project_id)
    account = await read(tx, project_id, account_id)
    changed = replace(account, **changes)
    if credentials:
        await _merge_credentials(ctx, tx, account_id, credentials)
    if changed == account and not credentials:
        return account
    changed = replace(changed, updated_at=ctx.now())
    await account_rows.save(tx, changed)
    await publish(ctx, tx, changed, ACCOUNT_UPDATED)
    fields = [name for name in changes if getattr(changed, name) != getattr(account, name)]
    detail = {"fields": fields + ["credentials"] * bool(credentials)}
    await audit.record(ctx, tx, "account.changed", account_id, project_id=project_id, detail=detail)
    return changed


@transaction(queues=True)
async def set_paused(ctx: Context, tx: Tx, project_id: str, account_id: str, paused: bool) -> Account:
    """
    Pauses or resumes an account and publishes `account.updated` unless nothing changed.

    While an account is paused, calls of its ATS are refused as if its integration were disabled; results of its orders
    still go out.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    await project_rows.lock(tx, project_id)
    account = await read(tx, project_id, account_id)
    if paused == (account.paused_at is not None):
        return account
    now = ctx.now()
    changed = replace(account, paused_at=now if paused else None, updated_at=now)
    await account_rows.save(tx, changed)
    await publish(ctx, tx, changed, ACCOUNT_UPDATED)
    await audit.record(ctx, tx, "account.paused" if paused else "account.resumed", account_id, project_id=project_id)
    return changed


@transaction(queues=True)
async def delete(ctx: Context, tx: Tx, project_id: str, account_id: str) -> Account:
    """
    Unlinks an account and publishes `account.deleted`.

    Its tokens and its API access end now, waiting deliveries to its ATS are cancelled, and its orders are kept.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    await project_rows.lock(tx, project_id)
    account = await read(tx, project_id, account_id)
    await refused_calls.delete_ended(tx, project_id, account.provider)
    await account_rows.delete(tx, account_id)
    await access_rows.delete(tx, account_id)
    await enrichment_rows.delete_cache(tx, account_id)
    await delivery_rows.cancel_for(tx, account_id)
    await publish(ctx, tx, account, ACCOUNT_DELETED)
    await audit.record(ctx, tx, "account.unlinked", account_id, project_id=project_id)
    return account


@snapshot(kind="batchable")
async def get(_: Context, tx: Tx, project_id: str, account_id: str) -> Account:
    """
    Returns a project's account.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    return await read(tx, project_id, account_id)


async def read(tx: Tx, project_id: str, account_id: str) -> Account:
    """Does the same as `get`, inside another service's transaction."""
    account = await account_rows.find(tx, project_id, account_id)
    if account is None:
        raise NotFound(f"No account {account_id} in this project.")
    return account


@snapshot
async def list_page(
    _: Context,
    tx: Tx,
    project_id: str,
    *,
    provider: str | None = None,
    owner_id: str | None = None,
    status: AccountStatus | None = None,
    before: str | None = None,
    limit: int = 25,
) -> list[Account]:
    """Lists a project's accounts, newest first, starting after the account with the id `before`."""
    return await account_rows.list_page(
        tx, project_id, provider=provider, owner_id=owner_id, status=status, before=before, limit=limit
    )


@snapshot
async def list_matching(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, Sequence[str]], *, skip: int, limit: int
) -> list[Account]:
    """
    Lists a project's accounts, oldest first, without the first `skip`.

    See `store.accounts.list_matching` for the filters.
    """
    return await account_rows.list_matching(tx, project_id, filters, skip=skip, limit=limit)


@transaction
async def reveal_token(ctx: Context, tx: Tx, project_id: str, account_id: str) -> tuple[Account, str | None]:
    """
    A project's account and its newest live token in the open; audited.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    account = await read(tx, project_id, account_id)
    await audit.record(ctx, tx, "account.token_revealed", account_id, project_id=project_id)
    return account, await live_token(ctx, tx, account_id)


@snapshot
async def last_seen(_: Context, tx: Tx, account_ids: Sequence[str]) -> dict[str, datetime]:
    """Returns when the ATS of each of these accounts called last; accounts that were never called for are left out."""
    return {id_: from_ms(at) for id_, at in (await account_rows.last_seen(tx, account_ids)).items()}


@snapshot
async def count_orders(_: Context, tx: Tx, account_ids: Sequence[str], *, most: int) -> dict[str, int]:
    """Counts the orders of each of these accounts of a project, up to `most`."""
    return await account_rows.count_orders(tx, account_ids, most=most)


@transaction
async def rotate_token(
    ctx: Context, tx: Tx, project_id: str, account_id: str, *, overlap: timedelta = OVERLAP
) -> tuple[Account, str]:
    """
    Creates a new token for an account; the previous one stays valid for `overlap`, older ones end now.

    Raises:
        NotFound: the account does not exist or is another project's.
    """
    await project_rows.lock(tx, project_id)
    account = await read(tx, project_id, account_id)
    return account, await replace_token(ctx, tx, account, overlap)


async def replace_token(ctx: Context, tx: Tx, account: Account, overlap: timedelta) -> str:
    """Does the same as `rotate_token`, inside another service's transaction that has locked the project."""
    ctx.refused_calls.touch(account.provider)  # the next use of the old token is worth a note
    await account_rows.expire_tokens(tx, account.id, overlap_ms=int(overlap.total_seconds() * 1000))
    detail = {"overlap_seconds": int(overlap.total_seconds())}
    await audit.record(ctx, tx, "account.token_rotated", account.id, project_id=account.project_id, detail=detail)
    return await _mint(ctx, tx, account.id)


async def publish(ctx: Context, tx: Tx, account: Account, event_type: str) -> None:
    """Publishes an event about an account, inside another service's transaction."""
    payload = account_payload(account, at=ctx.now())
    await events.publish(ctx, tx, account.project_id, event_type, payload, account_id=account.id)


async def open_credentials(ctx: Context, tx: Tx, account_id: str) -> dict[str, Any]:
    """Returns the decrypted credentials of an account, inside another service's transaction."""
    return opened_credentials(ctx, account_id, await account_rows.find_credentials(tx, account_id))


def opened_credentials(ctx: Context, account_id: str, sealed: str | None) -> dict[str, Any]:
    """Returns the decrypted form of an account's sealed credentials."""
    return from_json(ctx.vault.open(sealed, **_credentials_place(account_id))) if sealed else {}


def _credentials_place(account_id: str) -> dict[str, str]:
    return {"table": "accounts", "row": account_id, "column": "credentials_sealed"}


async def _merge_credentials(ctx: Context, tx: Tx, account_id: str, new: Mapping[str, Any]) -> None:
    merged = json.dumps({**await open_credentials(ctx, tx, account_id), **new})
    await account_rows.save_credentials(tx, account_id, ctx.vault.seal(merged, **_credentials_place(account_id)))


async def _mint(ctx: Context, tx: Tx, account_id: str) -> str:
    token, row_id = new_external_trigger_token(), ctx.new_id("tok")
    await account_rows.add_token(
        tx,
        row_id,
        account_id,
        token_hash=token_hash(token, ctx.pepper),
        token_sealed=ctx.vault.seal(token, table="account_tokens", row=row_id, column="token_sealed"),
    )
    return token


def open_token(ctx: Context, row: Row) -> str:
    """Returns the token of a stored row in plain text."""
    return ctx.vault.open(row["token_sealed"], table="account_tokens", row=row["id"], column="token_sealed")


async def live_token(ctx: Context, tx: Tx, account_id: str) -> str | None:
    """Returns an account's newest live token in plain text, inside another service's transaction."""
    live = await account_rows.list_live_tokens(tx, account_id)
    return open_token(ctx, live[0]) if live else None
