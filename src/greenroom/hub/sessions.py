"""`/hub/session`: everything that our own hub page shows, the customer's choice, more time, and the end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.hub.gate import Call, route
from greenroom.model.accounts import Account, AccountToken
from greenroom.model.connect_sessions import HubSession
from greenroom.model.events import stamp
from greenroom.model.hub import DEFAULT_ACCENT, ON_ACCENT
from greenroom.services import hub_sessions
from greenroom.services.account_profiles import Profile

HINT = 4


def routes() -> list[BaseRoute]:
    """Returns the routes of these paths."""
    return [
        route("/hub/session", polls=True, get=show_session, delete=close),
        route("/hub/session/choose", post=choose),
        route("/hub/session/extend", post=extend),
        route("/hub/session/close", post=close),
    ]


async def show_session(call: Call) -> dict[str, Any]:
    """Shows the session, its account and the use of each token. Polling this does not extend the session."""
    found = await hub_sessions.get_account(call.ctx, call.session)
    profile = found[0] if found is not None else None
    session, hub, look = call.session, call.opened.hub, call.opened.settings.branding
    provider = profile.account.provider if profile else session.provider
    connector = discover().get(provider) if provider else None
    return {
        "id": str(session.id),
        "type": session.type,
        "mode": _mode(profile.account if profile else None),
        "provider": provider,
        "provider_name": connector.manifest.name if connector else None,
        "origin_owner_name": session.origin_owner_name,
        "vendor": call.opened.vendor,
        "branding": {
            "accent": look.accent or DEFAULT_ACCENT,
            "on_accent": ON_ACCENT,
            "logo_url": look.logo_url,
            "product_name": call.opened.vendor,
        },
        "language": call.language,
        "expires_at": stamp(hub.expires_at),
        "can_extend_until": stamp(hub.can_extend_until),
        "linked_at": _stamp(session.linked_at),
        "account": _account(profile) if profile else None,
        "external_trigger_token": profile.tokens[0].token if profile and profile.tokens else None,
        "next_steps": list(connector.manifest.link_steps) if connector else [],
    }


def _mode(account: Account | None) -> str:
    """Returns `new` before linking, `relink` for an account that stopped working, else `edit`."""
    if account is None or account.status == "inactive":
        return "new"
    return "relink" if account.status == "error" else "edit"


def _account(profile: Profile) -> dict[str, Any]:
    account = profile.account
    return {
        "id": account.id,
        "provider": account.provider,
        "status": account.status,
        "status_reasons": list(account.status_reasons),
        "linked": account.status != "inactive",
        "last_called_at": _stamp(profile.calls[0].at) if profile.calls else None,
        "tokens": [_token(one) for one in profile.tokens],
    }


def _token(token: AccountToken) -> dict[str, Any]:
    return {
        "hint": token.token[-HINT:],
        "created_at": stamp(token.created_at),
        "expires_at": _stamp(token.expires_at),
        "first_used_at": _stamp(token.first_used_at),
        "last_used_at": _stamp(token.last_used_at),
    }


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


async def choose(call: Call) -> dict[str, Any]:
    """Mints the token of the integration that the customer chose; answers as `show_session`."""
    account_id = await hub_sessions.choose(call.ctx, call.session, call.text("integration_id"))
    session = replace(call.session, account_id=account_id)
    return await show_session(_with(call, replace(call.opened.hub, session=session)))


async def extend(call: Call) -> dict[str, Any]:
    """Gives the customer more time; answers as `show_session`."""
    return await show_session(_with(call, await hub_sessions.extend(call.ctx, call.opened.hub)))


def _with(call: Call, hub: HubSession) -> Call:
    return replace(call, opened=replace(call.opened, hub=hub))


async def close(call: Call) -> dict[str, Any]:
    """Ends the token, and the session unless a hosted link leads to it."""
    await hub_sessions.close(call.ctx, call.opened.hub)
    return {"closed": True}
