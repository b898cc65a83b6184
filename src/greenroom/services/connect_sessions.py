"""Connect sessions: opened by the vendor, finished by the customer."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, Gone, NotFound
from greenroom.model.accounts import Account
from greenroom.model.audit import Actor
from greenroom.model.connect_sessions import ConnectSession, SessionState
from greenroom.security.tokens import token_hash
from greenroom.services import accounts, audit, guesses, integrations
from greenroom.services.accounts import NewAccount
from greenroom.store import connect_sessions as session_rows
from greenroom.store import hub_settings as setting_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Tx

#: how long an expired session is kept, and answered with "has expired" rather than "unknown", in milliseconds
KEPT_MS = 90 * 86_400_000
#: how long a token lives that a link was exchanged for, until use extends it
TOKEN_LIVES = timedelta(minutes=30)
#: limit of such tokens of one session; an older one ends
MOST_TOKENS = 20
#: share of new sessions that also delete expired ones
CLEARING = 0.01


@dataclass(frozen=True)
class NewSession:
    """A vendor's request to open a session; `account_id` opens that account for editing and ignores the owner."""

    origin_owner_id: str
    origin_owner_name: str
    origin_username: str | None = None
    provider: str | None = None
    account_id: str | None = None
    categories: tuple[str, ...] | None = None
    label: str | None = None
    type: Literal["production", "test"] = "production"
    metadata: dict[str, Any] = field(default_factory=dict)
    integration_id: str | None = None
    multiple: bool = False
    lives: timedelta = timedelta(minutes=30)


@dataclass(frozen=True)
class Opened:
    """
    A new session with its token and link, both shown only once.

    `token` is for the hub, `link` for a person's browser. `external_trigger_token` is the account's, or None if the
    provider is not chosen yet.
    """

    session: ConnectSession
    token: str = field(repr=False)
    link: str = field(repr=False)
    external_trigger_token: str | None = field(repr=False)


def new_token(project_id: str) -> str:
    """Returns a new token for the hub: its public part names the project, 256 random bits are the secret."""
    return f"pk_{project_id}.{secrets.token_urlsafe(32)}"


@transaction
async def create(ctx: Context, tx: Tx, project_id: str, new: NewSession) -> Opened:
    """
    Opens a connect session.

    The account is created now, `inactive`, since the customer sees the external trigger token before finishing: a
    copied token always has an account. Without a provider, the project's only enabled integration is used.

    Raises:
        NotFound: `account_id` is not the project's.
        Conflict: as many sessions are open, or accounts linked, as the project may have.
    """
    if ctx.chance() < CLEARING:
        await session_rows.delete_old(tx, project_id, older_ms=KEPT_MS)
    await project_rows.lock(tx, project_id)
    most = ctx.settings.max_connect_sessions
    if await session_rows.count_open(tx, project_id) >= most:
        raise Conflict(
            f"The project has {most} open connect sessions, the most it may have (GREENROOM_MAX_CONNECT_SESSIONS). "
            "Wait until some expire, and let new ones expire sooner (`expires_in`).",
            code="QuotaReached",
        )
    account, trigger_token = await _account(ctx, tx, project_id, new)
    now = ctx.now()
    session = ConnectSession(
        id=secrets.randbits(52),  # a number that every JSON parser keeps
        project_id=project_id,
        origin_owner_id=new.origin_owner_id,
        origin_owner_name=new.origin_owner_name,
        origin_username=new.origin_username,
        provider=account.provider if account else new.provider,
        account_id=account.id if account else None,
        categories=new.categories,
        label=new.label,
        type=new.type,
        metadata=new.metadata,
        integration_id=new.integration_id,
        multiple=new.multiple,
        created_at=now,
        expires_at=now + new.lives,
    )
    token, code = new_token(project_id), secrets.token_urlsafe(32)
    await session_rows.add(
        tx, session, token_hash=token_hash(token, ctx.pepper), link_hash=token_hash(code, ctx.pepper)
    )
    detail = {"origin_owner_id": new.origin_owner_id, "account_id": session.account_id}
    await audit.record(ctx, tx, "connect_session.created", str(session.id), project_id=project_id, detail=detail)
    return Opened(session, token, f"{ctx.settings.public_url}/link/{code}", trigger_token)


async def _account(ctx: Context, tx: Tx, project_id: str, new: NewSession) -> tuple[Account | None, str | None]:
    if new.account_id is not None:
        account = await accounts.read(tx, project_id, new.account_id)
        return account, await accounts.live_token(ctx, tx, account.id)
    provider = new.provider or await integrations.only_enabled(tx, project_id)
    if provider is None:
        return None, None
    wanted = NewAccount(
        provider=provider,
        origin_owner_id=new.origin_owner_id,
        origin_owner_name=new.origin_owner_name,
        origin_username=new.origin_username,
        label=new.label,
        type=new.type,
        metadata=new.metadata,
    )
    return await accounts.ensure(ctx, tx, project_id, wanted, another=new.multiple)


@transaction
async def authenticate(ctx: Context, tx: Tx, project_id: str, token: str) -> tuple[ConnectSession, str | None]:
    """
    The session of a token, and the external trigger token of its account; audited.

    Raises:
        NotFound: the token is not one of this project.
        Gone: the session has expired, was closed, or was finished more than ten minutes ago.
    """
    found = await session_rows.find_by_token(tx, project_id, token_hash(token, ctx.pepper))
    session = await _require_open(tx, found)
    await audit.record(ctx, tx, "connect_session.token_revealed", str(session.id), project_id=project_id)
    return session, await accounts.live_token(ctx, tx, session.account_id) if session.account_id else None


async def _require_open(tx: Tx, found: tuple[ConnectSession, SessionState] | None) -> ConnectSession:
    if found is None:
        raise NotFound("There is no such link. Check that you opened it as it was sent.", code="UnknownConnectSession")
    session, state = found
    if state != "open":
        raise ended(state, await read_vendor(tx, session.project_id))
    return session


async def read_vendor(tx: Tx, project_id: str) -> str:
    """Returns the name that customers know a project by, inside another service's transaction."""
    look = (await setting_rows.find(tx, project_id)).branding
    project = await project_rows.find(tx, project_id)
    return look.product_name or (project.name if project else project_id)


def ended(state: SessionState, vendor: str) -> Gone:
    """Returns the error of a session that can no longer be used, in words for the customer."""
    if state == "used":
        return Gone(
            f"This link has been used already. To change anything, ask {vendor} for a new one.",
            code="ConnectSessionUsed",
        )
    if state == "closed":
        return Gone(f"This link was withdrawn or closed. Ask {vendor} for a new one.", code="ConnectSessionClosed")
    return Gone(f"This link has expired. Ask {vendor} for a new one.", code="ConnectSessionExpired")


@snapshot
async def list_open(
    _: Context, tx: Tx, project_id: str, *, before: int | None = None, limit: int = 25
) -> Sequence[ConnectSession]:
    """Lists the sessions of a project that can still be used, newest first, after the session with the id `before`."""
    return await session_rows.list_open(tx, project_id, before=before, limit=limit)


@transaction
async def revoke(ctx: Context, tx: Tx, project_id: str, session_id: int) -> None:
    """
    Ends a session with its link and tokens; an account that was linked stays.

    Raises:
        NotFound: the project has no such open session.
    """
    if not await session_rows.close(tx, project_id, session_id):
        raise NotFound("There is no such open connect session.", code="UnknownConnectSession")
    await audit.record(ctx, tx, "connect_session.closed", str(session_id), project_id=project_id)


async def describe_link(ctx: Context, code: str, *, source: str | None = None) -> tuple[ConnectSession, str]:
    """
    Returns a hosted link's session and the vendor's name; changes nothing, since mail scanners open links, too.

    `source` is the network that the request came from; guesses from it are limited.

    Raises:
        NotFound: there is no such link.
        Gone: the link has expired, was revoked, or was used.
        TooManyRequests: many unknown links came from this source.
    """
    return await _limited(_describe_link, ctx, code, source)


@snapshot(kind="batchable")
async def _describe_link(ctx: Context, tx: Tx, code: str) -> tuple[ConnectSession, str]:
    session = await _require_open(tx, await session_rows.find_by_link(tx, token_hash(code, ctx.pepper)))
    return session, await read_vendor(tx, session.project_id)


async def exchange_link(ctx: Context, code: str, *, source: str | None = None) -> tuple[ConnectSession, str]:
    """
    Returns a hosted link's session and a new token for the hub; the link stays valid.

    Raises:
        NotFound, Gone, TooManyRequests: as `describe_link`.
    """
    return await _limited(_exchange_link, ctx, code, source)


@transaction
async def _exchange_link(ctx: Context, tx: Tx, code: str) -> tuple[ConnectSession, str]:
    session = await _require_open(tx, await session_rows.find_by_link(tx, token_hash(code, ctx.pepper)))
    await session_rows.lock(tx, session.id)
    token = new_token(session.project_id)
    await session_rows.add_token(
        tx,
        session.id,
        token_hash(token, ctx.pepper),
        lives_ms=int(TOKEN_LIVES.total_seconds() * 1000),
        most=MOST_TOKENS,
    )
    await audit.record(
        ctx,
        tx,
        "connect_session.link_opened",
        str(session.id),
        project_id=session.project_id,
        actor=get_actor(ctx, session),
    )
    return session, token


async def _limited(
    use: Callable[[Context, str], Awaitable[tuple[ConnectSession, str]]], ctx: Context, code: str, source: str | None
) -> tuple[ConnectSession, str]:
    """Returns the result of `use`, unless the source has to wait; counts an unknown link as a guess."""
    if source is None:
        return await use(ctx, code)
    await guesses.check(ctx, source)
    try:
        return await use(ctx, code)
    except NotFound:
        await guesses.count(ctx, source)
        raise


def get_actor(ctx: Context, session: ConnectSession) -> Actor:
    """Returns the customer of a session, as the audit log names them."""
    return Actor("connect_session", str(session.id), session.origin_owner_name, ctx.actor.address)
