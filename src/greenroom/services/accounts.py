"""Linked customer ATSs and the tokens with which they call."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound, Unauthorized
from greenroom.model.accounts import Account, AccountToken
from greenroom.model.events import ACCOUNT_CREATED, ACCOUNT_DELETED, ACCOUNT_UPDATED, account_payload, stamp
from greenroom.security.tokens import new_external_trigger_token, token_hash
from greenroom.services import events
from greenroom.store import accounts as account_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Row, Tx, from_json, from_ms, maybe_from_ms

#: how long a replaced token stays valid unless said otherwise: replacing it at the ATS is a support ticket
OVERLAP = timedelta(days=30)

#: why an account is not active yet
UNFINISHED = {
    "code": "linking_unfinished",
    "description": "The customer has seen the token and has not finished linking.",
}


@dataclass(frozen=True)
class NewAccount:
    """What it takes to link a customer's ATS; `credentials` are kept sealed."""

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
    Link a customer's ATS; the account and its external trigger token.

    The same provider and owner give the account that is there already, with the token it has.
    """
    account, token = await ensure(ctx, tx, project_id, new)
    account = await finish(ctx, tx, account, credentials=new.credentials)
    return account, token


async def ensure(
    ctx: Context, tx: Tx, project_id: str, new: NewAccount, *, another: bool = False
) -> tuple[Account, str]:
    """
    The owner's account and its token, inside another service's transaction; made, not linked yet, when there is none.

    `another` makes one even when there is.

    Raises:
        Conflict: the project has as many accounts as it may have.
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
    Make an account linked, inside another service's transaction; told as `account.created` the first time.

    `credentials` are only taken then: later ones are a change, not a link.
    """
    if account.status != "inactive":
        return account
    linked = replace(account, status="active", status_reasons=(), updated_at=ctx.now())
    await account_rows.save(tx, linked)
    if credentials:
        await _merge_credentials(ctx, tx, account.id, credentials)
    await _publish(ctx, tx, linked, ACCOUNT_CREATED)
    return linked


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
    Change some fields of an account; told as `account.updated` unless nothing changed.

    `changes` has fields of `Account`; `credentials` are added to those that are kept.

    Raises:
        NotFound: there is none, or it is another project's.
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
    await _publish(ctx, tx, changed, ACCOUNT_UPDATED)
    return changed


@transaction(queues=True)
async def delete(ctx: Context, tx: Tx, project_id: str, account_id: str) -> Account:
    """
    Unlink an account: its tokens end now, results on their way to its ATS are cancelled, its orders stay on record.
    Told as `account.deleted`.

    Raises:
        NotFound: there is none, or it is another project's.
    """
    await project_rows.lock(tx, project_id)
    account = await read(tx, project_id, account_id)
    await account_rows.delete(tx, account_id)
    await delivery_rows.cancel_for(tx, account_id)
    await _publish(ctx, tx, account, ACCOUNT_DELETED)
    return account


@snapshot(kind="batchable")
async def get(_: Context, tx: Tx, project_id: str, account_id: str) -> Account:
    """
    A project's account.

    Raises:
        NotFound: there is none, or it is another project's.
    """
    return await read(tx, project_id, account_id)


async def read(tx: Tx, project_id: str, account_id: str) -> Account:
    """`get` inside another service's transaction."""
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
    before: str | None = None,
    limit: int = 25,
) -> list[Account]:
    """A project's accounts, newest first, from the one before id `before` on."""
    return await account_rows.list_page(
        tx, project_id, provider=provider, owner_id=owner_id, before=before, limit=limit
    )


@snapshot
async def list_matching(
    _: Context, tx: Tx, project_id: str, filters: Mapping[str, Sequence[str]], *, skip: int, limit: int
) -> list[Account]:
    """A project's accounts, oldest first, after the first `skip`; see `store.accounts.list_matching`."""
    return await account_rows.list_matching(tx, project_id, filters, skip=skip, limit=limit)


@snapshot
async def get_with_token(ctx: Context, tx: Tx, project_id: str, account_id: str) -> tuple[Account, str | None]:
    """
    A project's account and its newest live token in the open.

    Raises:
        NotFound: there is none, or it is another project's.
    """
    return await read(tx, project_id, account_id), await live_token(ctx, tx, account_id)


@snapshot
async def list_tokens(ctx: Context, tx: Tx, project_id: str, account_id: str) -> list[AccountToken]:
    """
    An account's live tokens in the open, newest first.

    Raises:
        NotFound: the account is not the project's.
    """
    await read(tx, project_id, account_id)
    return [
        AccountToken(_open(ctx, row), from_ms(row["created_at"]), maybe_from_ms(row["expires_at"]))
        for row in await account_rows.list_live_tokens(tx, account_id)
    ]


@transaction
async def rotate_token(
    ctx: Context, tx: Tx, project_id: str, account_id: str, *, overlap: timedelta = OVERLAP
) -> tuple[Account, str]:
    """
    A new token for the account; the one before stays valid for `overlap`, older ones end now.

    Raises:
        NotFound: the account is not the project's.
    """
    await project_rows.lock(tx, project_id)
    account = await read(tx, project_id, account_id)
    await account_rows.expire_tokens(tx, account_id, overlap_ms=int(overlap.total_seconds() * 1000))
    return account, await _mint(ctx, tx, account_id)


@snapshot(kind="batchable")
async def authenticate(ctx: Context, tx: Tx, provider: str, token: str | None, tenant_id: str | None) -> Account:
    """
    The account of the ATS that calls: its token and its vendor's tenant must both fit.

    Raises:
        Unauthorized: anything is missing, unknown, expired or does not belong together; always the same body.
    """
    row = await account_rows.find_by_token(tx, provider, token_hash(token, ctx.pepper)) if token else None
    # compared even when the token is unknown, so that both faults take the same time
    expected = (row["tenant_id"] if row else None) or ""
    same = hmac.compare_digest(expected.encode(), (tenant_id or "").encode())
    if row is None or not tenant_id or not same:
        raise Unauthorized("The API key or the tenant-id is not valid.")
    return account_rows.get_account(row)


@transaction
async def note_call(_: Context, tx: Tx, account_id: str, call: str, status: int) -> None:
    """Remember when the ATS last made a call, and our answer."""
    await account_rows.note_call(tx, account_id, call, status)


async def _publish(ctx: Context, tx: Tx, account: Account, event_type: str) -> None:
    payload = account_payload(account, at=ctx.now())
    await events.publish(ctx, tx, account.project_id, event_type, payload, account_id=account.id)


async def _merge_credentials(ctx: Context, tx: Tx, account_id: str, new: Mapping[str, Any]) -> None:
    place = {"table": "accounts", "row": account_id, "column": "credentials_sealed"}
    sealed = await account_rows.find_credentials(tx, account_id)
    kept: dict[str, Any] = from_json(ctx.vault.open(sealed, **place)) if sealed else {}
    await account_rows.save_credentials(tx, account_id, ctx.vault.seal(json.dumps({**kept, **new}), **place))


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


def _open(ctx: Context, row: Row) -> str:
    return ctx.vault.open(row["token_sealed"], table="account_tokens", row=row["id"], column="token_sealed")


async def live_token(ctx: Context, tx: Tx, account_id: str) -> str | None:
    """The newest live token of an account in the open, inside another service's transaction."""
    live = await account_rows.list_live_tokens(tx, account_id)
    return _open(ctx, live[0]) if live else None
