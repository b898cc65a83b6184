"""The calls of ATSs: the account of an external trigger token, and the record of its use."""

from __future__ import annotations

import hmac
from dataclasses import replace

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Unauthorized
from greenroom.model.accounts import Account
from greenroom.model.events import ACCOUNT_UPDATED, stamp
from greenroom.security.tokens import token_hash
from greenroom.services import accounts
from greenroom.store import accounts as account_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx

#: further status reason once the ATS calls for such an account
IN_USE = {
    "code": "token_in_use",
    "description": "The ATS already calls with the token, although the customer has not finished linking.",
}
#: the use of a token is stored at most this often
TOKEN_USE_MS = 60_000


@snapshot(kind="batchable")
async def authenticate(ctx: Context, tx: Tx, provider: str, token: str | None, tenant_id: str | None) -> Account:
    """
    Returns the account of a calling ATS, whose token and tenant id must both match.

    Raises:
        Unauthorized: either is missing, unknown, expired, or they do not match each other; the body is always the same.
    """
    row = await account_rows.find_by_token(tx, provider, token_hash(token, ctx.pepper)) if token else None
    # also compared for an unknown token, so that the response time does not reveal which of the two is wrong
    expected = (row["tenant_id"] if row else None) or ""
    same = hmac.compare_digest(expected.encode(), (tenant_id or "").encode())
    if row is None or not tenant_id or not same:
        raise Unauthorized("The API key or the tenant-id is not valid.")
    return replace(account_rows.get_account(row), store=row["store"])


async def note_call(
    ctx: Context,
    account: Account,
    token: str,
    call: str,
    status: int,
    *,
    host: str | None = None,
    extra: bool = False,
) -> None:
    """
    Stores the time and the response status of an ATS's last call, and that its token is in use.

    `host` is the one that the call named, if it is not the public URL's. An `extra` note stores the use of the token
    even if it was stored within the last minute.

    The first call for an account whose linking is unfinished is published as `account.updated`, and is a status reason
    from then on.
    """
    await _store_call(ctx, account, token, call, status, host, TOKEN_USE_MS if not extra else 0)
    if account.status == "inactive" and not _is_in_use(account):
        await _publish_use(ctx, account)


@transaction
async def _store_call(
    ctx: Context, tx: Tx, account: Account, token: str, call: str, status: int, host: str | None, every_ms: int
) -> None:
    await account_rows.note_call(tx, account.id, call, status, host)
    await account_rows.note_token_use(tx, account.id, token_hash(token, ctx.pepper), every_ms=every_ms)


def _is_in_use(account: Account) -> bool:
    return any(reason.get("code") == IN_USE["code"] for reason in account.status_reasons)


@transaction(queues=True)
async def _publish_use(ctx: Context, tx: Tx, account: Account) -> None:
    await project_rows.lock(tx, account.project_id)
    current = await account_rows.find(tx, account.project_id, account.id)
    if current is None or current.status != "inactive" or _is_in_use(current):
        return
    now = ctx.now()
    reason = {**IN_USE, "timestamp": stamp(now)}
    used = replace(current, status_reasons=(*current.status_reasons, reason), updated_at=now)
    await account_rows.save(tx, used)
    await accounts.publish(ctx, tx, used, ACCOUNT_UPDATED)
