"""`/hub/accounts`: linking and editing the accounts of the session's owner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.errors import BadRequest
from greenroom.hub.connectors import ENVIRONMENT, VERSION, get_token, read_form
from greenroom.hub.forms import build_form, read_credentials, redact, show_plain
from greenroom.hub.gate import Call, route
from greenroom.hub.sessions import show_session
from greenroom.services import accounts, hub_sessions

#: limit of an overlap, in seconds
LONGEST_OVERLAP = 365 * 86_400


def routes() -> list[BaseRoute]:
    """Returns the routes of these paths."""
    one = "/hub/accounts/{id}"
    return [
        route("/hub/accounts", creates=True, post=link),
        route(one, get=show, patch=change),
        route(f"{one}/rotate-token", post=rotate_token),
    ]


async def link(call: Call) -> dict[str, Any]:
    """Links the owner's account at an integration."""
    integration_id = call.text("integration_id")
    _, form = await read_form(call, integration_id)
    credentials = read_credentials(form, call.body.get("credentials"))
    account = await hub_sessions.link(call.ctx, call.session, credentials, integration_id=integration_id)
    return {"id": account.id, "provider": account.provider}


async def show(call: Call) -> dict[str, Any]:
    """Shows an account with its secrets redacted."""
    profile, stored, integration = await hub_sessions.get_owned(call.ctx, call.session, call.param("id"))
    connector = discover()[profile.account.provider]
    return {
        "secureId": profile.account.id,
        "provider": profile.account.provider,
        "setupInformation": show_plain(connector, stored),
        "secrets": redact(connector, stored),
        "version": VERSION,
        "integrationId": integration.id,
        "authConfigKey": profile.account.provider,
        "environment": ENVIRONMENT,
    }


async def change(call: Call) -> dict[str, Any]:
    """Stores new credentials of an account; fields left out keep their values."""
    profile, stored, integration = await hub_sessions.get_owned(call.ctx, call.session, call.param("id"))
    account = profile.account
    form = build_form(discover()[account.provider], integration.settings, stored, get_token(profile))
    credentials = read_credentials(form, call.body.get("credentials"))
    changed = await hub_sessions.link(call.ctx, call.session, credentials, account_id=account.id)
    return {"id": changed.id, "provider": changed.provider}


async def rotate_token(call: Call) -> dict[str, Any]:
    """Creates a new external trigger token; the one before stays valid for the overlap."""
    seconds = call.body.get("overlap_seconds", int(accounts.OVERLAP.total_seconds()))
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= LONGEST_OVERLAP:
        raise BadRequest(f"overlap_seconds: expected a whole number from 0 to {LONGEST_OVERLAP}")
    await hub_sessions.rotate_token(call.ctx, call.session, call.param("id"), timedelta(seconds=seconds))
    return await show_session(call)
