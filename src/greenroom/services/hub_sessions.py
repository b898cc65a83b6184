"""
The hub's side of connect sessions: the actions of a customer's browser with a session's token.

A token gives access to one owner's accounts at a project and nothing else. Use extends it; it ends ten minutes after
the account is linked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Gone, NotFound, Unauthorized
from greenroom.model.accounts import Account
from greenroom.model.connect_sessions import ConnectSession, HubSession
from greenroom.model.hub import HubSettings
from greenroom.model.integrations import Integration
from greenroom.security.tokens import token_hash
from greenroom.services import account_profiles, accounts, audit, connect_sessions, guesses, integrations
from greenroom.services.account_profiles import Profile
from greenroom.services.accounts import NewAccount
from greenroom.services.connect_sessions import TOKEN_LIVES, get_actor
from greenroom.store import accounts as account_rows
from greenroom.store import connect_sessions as session_rows
from greenroom.store import hub_settings as setting_rows
from greenroom.store import integrations as integration_rows
from greenroom.store import projects as project_rows
from greenroom.store.connect_sessions import FoundToken
from greenroom.store.db import Row, Tx, from_ms

#: how long after it was made use can extend a token
LONGEST = timedelta(hours=2)
#: use extends a token when that gains as much, so that most requests write nothing
LEAST_GAIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Opened:
    """A session that a token has opened, its project's hub settings, and the name that customers know it by."""

    hub: HubSession
    settings: HubSettings
    vendor: str

    @property
    def session(self) -> ConnectSession:
        """The connect session."""
        return self.hub.session


async def authenticate(ctx: Context, token: str | None, source: str) -> Opened:
    """
    Returns the open session of a token; `source` is the network that the request came from.

    Raises:
        Unauthorized: there is no token, or it is unknown.
        Gone: the session has expired, was closed or was used; the message is for the customer.
        TooManyRequests: many unknown tokens came from this source.
    """
    hashed = token_hash(token, ctx.pepper) if token else ""
    found, settings, vendor = await _find(ctx, hashed, source)
    if found is None:
        if token:
            await guesses.count(ctx, source)
        raise Unauthorized(
            "This link is not valid. Open it again from the application that showed it, or ask for a new one.",
            code="UnknownConnectSession",
        )
    if found.state != "open":
        raise connect_sessions.ended(found.state, vendor)
    created_at = from_ms(found.created_at_ms)
    hub = HubSession(found.session, hashed, from_ms(found.expires_at_ms), created_at + LONGEST)
    return Opened(hub, settings, vendor)


@snapshot(kind="batchable")
async def _find(ctx: Context, tx: Tx, hashed: str, source: str) -> tuple[FoundToken | None, HubSettings, str]:
    await guesses.check_inside(ctx, tx, source)
    found = await session_rows.find_for_hub(tx, hashed)
    if found is None:
        return None, HubSettings(), ""
    project_id = found.session.project_id
    vendor = await connect_sessions.read_vendor(tx, project_id)
    return found, await setting_rows.find(tx, project_id), vendor


async def use(ctx: Context, hub: HubSession) -> None:
    """Extends a token by its use, unless that gains less than a minute."""
    gained = min(ctx.now() + TOKEN_LIVES, hub.can_extend_until) - hub.expires_at
    if gained >= LEAST_GAIN:
        await _extend(ctx, hub.token_hash, LEAST_GAIN)


async def extend(ctx: Context, hub: HubSession) -> HubSession:
    """Extends a token at the customer's wish, up to two hours after it was made; returns it with its new time."""
    return replace(hub, expires_at=await _extend(ctx, hub.token_hash, timedelta(0)) or hub.expires_at)


@transaction
async def _extend(_: Context, tx: Tx, hashed: str, least_gain: timedelta) -> datetime | None:
    await session_rows.extend(
        tx, hashed, lives_ms=_ms(TOKEN_LIVES), longest_ms=_ms(LONGEST), least_gain_ms=_ms(least_gain)
    )
    found = await session_rows.find_for_hub(tx, hashed)
    return from_ms(found.expires_at_ms) if found else None


def _ms(time: timedelta) -> int:
    return int(time.total_seconds() * 1000)


@transaction
async def close(ctx: Context, tx: Tx, hub: HubSession) -> None:
    """
    Ends a token at the customer's wish, and the session with it if the vendor's backend handed out the token.

    A hosted link stays: its tokens end one by one.
    """
    if await session_rows.delete_token(tx, hub.token_hash):
        return
    session = hub.session
    if await session_rows.close(tx, session.project_id, session.id):
        ctx = _as_customer(ctx, session)
        await audit.record(ctx, tx, "connect_session.closed", str(session.id), project_id=session.project_id)


@snapshot
async def list_integrations(_: Context, tx: Tx, session: ConnectSession) -> list[Row]:
    """Lists the enabled integrations that a session may link, by provider."""
    return await read_integrations(tx, session)


async def read_integrations(tx: Tx, session: ConnectSession) -> list[Row]:
    """Does the same as `list_integrations`, inside another service's transaction."""
    enabled = [row for row in await integration_rows.list_integrations(tx, session.project_id) if row["enabled"]]
    if session.provider is not None:
        return [row for row in enabled if row["provider"] == session.provider]
    named = [row for row in enabled if row["id"] == session.integration_id]
    return named or enabled


async def _require_integration(tx: Tx, session: ConnectSession, integration_id: str) -> Row:
    for row in await read_integrations(tx, session):
        if row["id"] == integration_id:
            return row
    raise NotFound("This application is not available to link. Go back and choose another one.")


@snapshot
async def get_integration(ctx: Context, tx: Tx, session: ConnectSession, integration_id: str) -> Integration:
    """
    Returns an enabled integration that a session may link.

    Raises:
        NotFound: there is none with this id for the session.
    """
    row = await _require_integration(tx, session, integration_id)
    return await integrations.read(ctx, tx, session.project_id, row["provider"])


@snapshot
async def get_account(ctx: Context, tx: Tx, session: ConnectSession) -> tuple[Profile, dict[str, Any]] | None:
    """Returns the session's account with its live tokens, and its credentials; None: there is no account yet."""
    if session.account_id is None:
        return None
    return await _profile(ctx, tx, session, session.account_id)


@snapshot
async def get_owned(
    ctx: Context, tx: Tx, session: ConnectSession, account_id: str
) -> tuple[Profile, dict[str, Any], Integration]:
    """
    Returns an account of the session's owner with its credentials and its integration.

    Raises:
        NotFound: the account does not exist, or is another owner's.
    """
    profile, credentials = await _profile(ctx, tx, session, account_id)
    integration = await integrations.read(ctx, tx, session.project_id, profile.account.provider)
    return profile, credentials, integration


async def _profile(ctx: Context, tx: Tx, session: ConnectSession, account_id: str) -> tuple[Profile, dict[str, Any]]:
    account = await _read_owned(tx, session, account_id)
    credentials = await accounts.open_credentials(ctx, tx, account_id)
    return await account_profiles.read_profile(ctx, tx, account, credentials), credentials


async def _read_owned(tx: Tx, session: ConnectSession, account_id: str) -> Account:
    account = await account_rows.find(tx, session.project_id, account_id)
    if account is None and account_id == session.account_id:
        vendor = await connect_sessions.read_vendor(tx, session.project_id)
        raise Gone(f"This account was disconnected meanwhile. Ask {vendor} for a new link.", code="AccountDisconnected")
    is_owned = account is not None and (
        account.id == session.account_id
        or (account.origin_owner_id == session.origin_owner_id and session.provider in (None, account.provider))
    )
    if account is None or not is_owned:
        raise NotFound("There is no such account for this link.")
    return account


@transaction
async def choose(ctx: Context, tx: Tx, session: ConnectSession, integration_id: str) -> str:
    """
    Returns the id of the account that a session links at an integration; creates it, pending, if there is none.

    Raises:
        NotFound: the integration is not available to this session.
        Conflict: the project has reached its limit of accounts.
    """
    return (await read_choice(ctx, tx, session, integration_id)).id


async def read_choice(ctx: Context, tx: Tx, session: ConnectSession, integration_id: str) -> Account:
    """Does the same as `choose`, inside another service's transaction; returns the account."""
    await project_rows.lock(tx, session.project_id)
    session = await session_rows.lock(tx, session.id) or session
    provider = (await _require_integration(tx, session, integration_id))["provider"]
    if session.account_id is not None:
        account = await _read_owned(tx, session, session.account_id)
        if account.provider == provider:
            return account
    wanted = NewAccount(
        provider=provider,
        origin_owner_id=session.origin_owner_id,
        origin_owner_name=session.origin_owner_name,
        origin_username=session.origin_username,
        label=session.label,
        type=session.type,
        metadata=session.metadata,
    )
    # going back and forth between two providers must not leave a new account each time
    pending = session.multiple and await account_rows.find_pending(
        tx, session.project_id, provider, session.origin_owner_id
    )
    account = pending or (await accounts.ensure(ctx, tx, session.project_id, wanted, another=session.multiple))[0]
    await session_rows.choose(tx, session.id, account.id)
    ctx, detail = _as_customer(ctx, session), {"provider": provider, "account_id": account.id}
    await audit.record(
        ctx, tx, "connect_session.provider_chosen", str(session.id), project_id=session.project_id, detail=detail
    )
    return account


@transaction(queues=True)
async def link(
    ctx: Context,
    tx: Tx,
    session: ConnectSession,
    credentials: Mapping[str, Any],
    *,
    integration_id: str | None = None,
    account_id: str | None = None,
) -> Account:
    """
    Links the session's account at an integration, or an account of its owner; repeating it changes nothing.

    `credentials` have been checked; they are merged into the stored ones.

    Raises:
        NotFound: the integration or account is not available to this session.
        Conflict: the project has reached its limit of accounts.
    """
    await project_rows.lock(tx, session.project_id)
    if account_id is not None:
        account = await _read_owned(tx, session, account_id)
    else:
        account = await read_choice(ctx, tx, session, str(integration_id))
    return await complete(ctx, tx, session, account, credentials)


async def complete(
    ctx: Context, tx: Tx, session: ConnectSession, account: Account, credentials: Mapping[str, Any]
) -> Account:
    """
    Stores credentials, activates the account and finishes the session, inside another service's transaction.

    The transaction has locked the project.
    """
    ctx, detail = _as_customer(ctx, session), {"account_id": account.id}
    linked = await accounts.store_link(ctx, tx, account, credentials)
    await session_rows.mark_linked(tx, session.id)
    await audit.record(
        ctx, tx, "connect_session.finished", str(session.id), project_id=session.project_id, detail=detail
    )
    return linked


@transaction
async def rotate_token(ctx: Context, tx: Tx, session: ConnectSession, account_id: str, overlap: timedelta) -> None:
    """
    Creates a new external trigger token for an account of the session's owner; the one before lives for `overlap`.

    Raises:
        NotFound: the account does not exist, or is another owner's.
    """
    await project_rows.lock(tx, session.project_id)
    account = await _read_owned(tx, session, account_id)
    await accounts.replace_token(_as_customer(ctx, session), tx, account, overlap)


def _as_customer(ctx: Context, session: ConnectSession) -> Context:
    return replace(ctx, actor=get_actor(ctx, session))
