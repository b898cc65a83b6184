"""The customers' access to the APIs of their ATSs: stored tokens, the lease on their refresh, and problems."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import AccessError
from greenroom.model.access import Access, Problem, Tokens
from greenroom.model.accounts import Account
from greenroom.model.events import ACCOUNT_UPDATED, stamp
from greenroom.model.integrations import Integration
from greenroom.services import accounts, audit, integrations
from greenroom.store import access as access_rows
from greenroom.store import accounts as account_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Row, Tx, from_json, from_ms, maybe_from_ms, to_json

#: tokens are refreshed when they are this old, since a refresh token may live for no longer than a day
REFRESH_AFTER = timedelta(hours=8)
#: an access token is not used in the last moments of its life, in which it could expire on the way
MARGIN_S = 60
#: the lease of a process that asks for tokens; longer than the deadline of its request
LEASE = timedelta(seconds=30)
#: codes of the causes that are stored as an account's problem
PROBLEMS = ("hiring_team.token_refused", "hiring_team.permission", "hiring_team.scope_missing")


@dataclass(frozen=True)
class Loaded:
    """An account with its access, its integration and its decrypted credentials."""

    account: Account
    integration: Integration
    access: Access
    credentials: Mapping[str, Any] = field(repr=False)


@snapshot
async def load(ctx: Context, tx: Tx, project_id: str, account_id: str) -> Loaded:
    """
    Returns everything that decides how an account's API is reached.

    Raises:
        NotFound: the account or its integration does not exist in this project.
        VaultError: a secret cannot be decrypted.
    """
    account = await accounts.read(tx, project_id, account_id)
    return Loaded(
        account,
        await integrations.read(ctx, tx, project_id, account.provider),
        _read(ctx, account_id, await access_rows.find(tx, account_id)),
        await accounts.open_credentials(ctx, tx, account_id),
    )


@snapshot
async def find_for_page(ctx: Context, tx: Tx, account: Account) -> tuple[Integration, Access] | None:
    """Returns the integration and the access of an account; None when the integration was never configured."""
    row = await access_rows.find_with_integration(tx, account.project_id, account.provider, account.id)
    if row is None:
        return None
    return integrations.open_row(ctx, row), _read(ctx, account.id, None if row["version"] is None else row)


@transaction(kind="short")
async def take_lease(ctx: Context, tx: Tx, project_id: str, account_id: str, version: int, lease: str) -> bool:
    """
    Leases the next request for an account's tokens to this process.

    Returns False while another process has the lease, or when newer tokens than `version` are stored.
    """
    await access_rows.ensure(tx, account_id, project_id)
    return await access_rows.take_lease(tx, account_id, version, lease, lease_ms=_ms(LEASE))


@transaction(kind="short")
async def end_lease(
    ctx: Context, tx: Tx, account_id: str, lease: str, *, retry_after: timedelta, client_hash: str
) -> None:
    """Ends a lease whose request brought no tokens; the next request is made after `retry_after`."""
    await access_rows.end_lease(tx, account_id, lease, retry_ms=_ms(retry_after), client_hash=client_hash)


@transaction(queues=True)
async def save_tokens(
    ctx: Context,
    tx: Tx,
    found: Loaded,
    tokens: Tokens,
    *,
    client: str,
    client_hash: str,
    is_new: bool = False,
    connected_by: str | None = None,
) -> bool:
    """
    Stores an answered pair of tokens and ends the problem of refused ones.

    Returns False, and stores nothing, when newer tokens than `found` has are stored; `is_new` replaces any: the
    customer has consented again. `connected_by` is stored then, with the time.
    """
    account_id = found.account.id
    await project_rows.lock(tx, found.account.project_id)
    await access_rows.ensure(tx, account_id, found.account.project_id)
    refresh_token = tokens.refresh_token or (None if is_new else found.access.refresh_token)
    document = {"access_token": tokens.access_token, "refresh_token": refresh_token, "client": client}
    saved = await access_rows.save_tokens(
        tx,
        account_id,
        version=None if is_new else found.access.version,
        tokens_sealed=ctx.vault.seal(json.dumps(document), **_place(account_id)),
        client_hash=client_hash,
        lives_ms=max(tokens.lives_s - MARGIN_S, tokens.lives_s // 2) * 1000,
        refresh_in_ms=_ms(REFRESH_AFTER) if refresh_token else None,
    )
    if not saved:
        return False
    scopes = None if tokens.scopes is None else to_json(list(tokens.scopes))
    await access_rows.save_connection(tx, account_id, scopes=scopes, connected_by=connected_by)
    if is_new:
        await audit.record(ctx, tx, "account.access_connected", account_id, project_id=found.account.project_id)
    problem = found.access.problem
    if is_new or (problem is not None and problem.scope is None):
        await _clear(ctx, tx, found.account.project_id, account_id)
    return True


@transaction(queues=True)
async def report(ctx: Context, tx: Tx, found: Loaded, error: AccessError, *, scope: str | None = None) -> None:
    """
    Stores why an account's access cannot be used; sets the account to `error` and publishes `account.updated`.

    Does nothing when a problem with the same code was stored before, or when newer tokens than `found` has are stored.
    `scope` is that of the refused call; without it, the ATS refused the tokens.
    """
    account_id, project_id = found.account.id, found.account.project_id
    await project_rows.lock(tx, project_id)
    await access_rows.ensure(tx, account_id, project_id)
    row = await access_rows.find(tx, account_id)
    if row is None or row["version"] != found.access.version:
        return
    is_new = await access_rows.set_problem(tx, account_id, error.code, error.reason, scope)
    account = await accounts.read(tx, project_id, account_id)
    # an account whose linking was unfinished when the problem began is active meanwhile
    if account.status == "active" or (is_new and account.status == "error"):
        reason = {"code": error.code, "description": error.reason, "timestamp": stamp(ctx.now())}
        await _set_status(ctx, tx, replace(account, status="error", status_reasons=(reason,)))


@transaction(queues=True)
async def clear_problem(ctx: Context, tx: Tx, project_id: str, account_id: str) -> None:
    """Ends an account's problem after a call that succeeded; publishes `account.updated`."""
    await project_rows.lock(tx, project_id)
    await _clear(ctx, tx, project_id, account_id)


async def _clear(ctx: Context, tx: Tx, project_id: str, account_id: str) -> None:
    if not await access_rows.clear_problem(tx, account_id):
        return
    account = await accounts.read(tx, project_id, account_id)
    if account.status == "error" and all(one.get("code") in PROBLEMS for one in account.status_reasons):
        await _set_status(ctx, tx, replace(account, status="active", status_reasons=()))


async def _set_status(ctx: Context, tx: Tx, account: Account) -> None:
    changed = replace(account, updated_at=ctx.now())
    await account_rows.save(tx, changed)
    await accounts.publish(ctx, tx, changed, ACCOUNT_UPDATED)


@transaction(kind="short")
async def end_tokens(_: Context, tx: Tx, found: Loaded) -> None:
    """Stops the refreshes of tokens that the ATS refused."""
    await access_rows.end_tokens(tx, found.account.id, found.access.version)


@transaction(kind="short")
async def expire_token(_: Context, tx: Tx, found: Loaded, *, retry_after: timedelta) -> None:
    """Marks an access token that the ATS refused as expired; the next one is asked for after `retry_after`."""
    await access_rows.expire_token(tx, found.account.id, found.access.version, retry_ms=_ms(retry_after))


@snapshot
async def list_due(_: Context, tx: Tx, *, limit: int) -> list[tuple[str, str, str]]:
    """Lists the provider, the project and the id of accounts whose tokens are due for a refresh."""
    rows = await access_rows.list_due(tx, limit=limit)
    return [(row["provider"], row["project_id"], row["account_id"]) for row in rows]


@transaction(kind="short")
async def postpone_refresh(_: Context, tx: Tx, account_id: str, by: timedelta) -> None:
    """Makes a scheduled refresh due later, so that accounts behind it have their turn."""
    await access_rows.postpone_refresh(tx, account_id, by_ms=_ms(by))


@transaction(kind="short")
async def take_request(_: Context, tx: Tx, account_id: str) -> timedelta | None:
    """Takes one request of the account's rate limit, which all processes share; returns the wait if there is none."""
    window, now = await access_rows.lock_window(tx, account_id)
    if wait_ms := window.wait_ms(now):
        return timedelta(milliseconds=wait_ms)
    await access_rows.save_window(tx, account_id, window.took(now))
    return None


@transaction(kind="short")
async def note_answer(
    _: Context,
    tx: Tx,
    account_id: str,
    *,
    window: tuple[int, int, int, int] | None,
    blocked_for: timedelta | None,
) -> None:
    """
    Stores the rate limit in an answer: `window` (id, spare requests, size, ms until its end), and a wait.
    """
    known, now = await access_rows.lock_window(tx, account_id)
    changed = known
    if window is not None:
        window_id, spare, size, ends_in_ms = window
        changed = changed.answered(now, window_id=window_id, spare=spare, size=size, ends_in_ms=ends_in_ms)
    if blocked_for is not None:
        changed = changed.blocked(now, _ms(blocked_for))
    if changed != known:
        await access_rows.save_window(tx, account_id, changed)


def _read(ctx: Context, account_id: str, row: Row | None) -> Access:
    if row is None:
        return Access(account_id)
    sealed = row["tokens_sealed"]
    document = from_json(ctx.vault.open(sealed, **_place(account_id))) if sealed else {}
    code = row["problem_code"]
    return Access(
        account_id,
        version=row["version"],
        access_token=document.get("access_token"),
        refresh_token=document.get("refresh_token"),
        client=document.get("client"),
        client_hash=row["client_hash"],
        scopes=tuple(json.loads(row["scopes"])),
        connected_by=row["connected_by"],
        connected_at=maybe_from_ms(row["connected_at"]),
        refreshed_at=maybe_from_ms(row["refreshed_at"]),
        is_valid=bool(row["valid"]),
        is_refresh_due=bool(row["refresh_due"]),
        is_ended=bool(document.get("refresh_token")) and row["refresh_due_at"] is None,
        retry_s=max(0, row["retry_ms"]) / 1000,
        problem=Problem(code, row["problem_reason"], from_ms(row["problem_at"]), row["problem_scope"])
        if code
        else None,
    )


def _place(account_id: str) -> dict[str, str]:
    return {"table": "account_access", "row": account_id, "column": "tokens_sealed"}


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
