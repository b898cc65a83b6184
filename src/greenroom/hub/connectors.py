"""`/hub/settings` and `/hub/connectors`: the integrations that a session may link, and the form of each."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from greenroom.connectors import discover
from greenroom.connectors.contract import Connector
from greenroom.hub import logos
from greenroom.hub.forms import Form, build_form, show_fields
from greenroom.hub.gate import Call, route
from greenroom.services import hub_sessions
from greenroom.services.account_profiles import Profile

#: version and environment of every form; the official hub shows neither
VERSION = "1.0.0"
ENVIRONMENT = "production"


def routes() -> list[BaseRoute]:
    """Returns the routes of these paths."""
    return [
        route("/hub/settings", get=show_settings),
        route("/hub/connectors", get=show_list),
        route("/hub/connectors/{integration_id}", get=show_form),
    ]


async def show_settings(call: Call) -> dict[str, Any]:
    """Answers whether a linked account is opened for editing."""
    found = await hub_sessions.get_account(call.ctx, call.session)
    is_linked = found is not None and found[0].account.status != "inactive"
    return {"enabled_features": [], **({"existing_account_id": call.session.account_id} if is_linked else {})}


async def show_list(call: Call) -> dict[str, Any]:
    """Lists the enabled integrations that the session may link, with the token of its account."""
    asked = call.request.query_params.get("provider")
    rows = await hub_sessions.list_integrations(call.ctx, call.session)
    shown = [row for row in rows if asked in (None, "", row["provider"])]
    found = await hub_sessions.get_account(call.ctx, call.session)
    answer: dict[str, Any] = {
        "integrations": [
            {
                "active": True,
                "name": discover()[row["provider"]].manifest.name,
                "provider": row["provider"],
                "type": "ats",
                "version": VERSION,
                "authentication_config_key": row["provider"],
                "environment": ENVIRONMENT,
                "integration_id": row["id"],
                "logo_url": logos.get_url(call.ctx, row["provider"]),
            }
            for row in shown
        ]
    }
    if found is not None and found[0].tokens and found[0].account.provider in {row["provider"] for row in shown}:
        answer["external_trigger_token"] = found[0].tokens[0].token
    return answer


async def show_form(call: Call) -> dict[str, Any]:
    """Answers with the form of an integration."""
    connector, form = await read_form(call, call.param("integration_id"))
    manifest = connector.manifest
    return {
        "config": {
            "key": manifest.provider,
            "name": manifest.name,
            "type": "oauth2" if form.asks_consent else "custom",
            "assets": {"icon": logos.get_url(call.ctx, manifest.provider)},
            "support": {"link": manifest.docs, "description": f"You need administrator rights in {manifest.name}."},
            "configNotices": _notices(form),
            "configFields": show_fields(form),
        },
        "hub_settings": {"configured_webhook_events": {}, "project_settings": {}},
    }


async def read_form(call: Call, integration_id: str) -> tuple[Connector, Form]:
    """Returns the connector and the form of an integration that the session may link."""
    integration = await hub_sessions.get_integration(call.ctx, call.session, integration_id)
    connector = discover()[integration.provider]
    found = await hub_sessions.get_account(call.ctx, call.session)
    if found is None or found[0].account.provider != integration.provider:
        return connector, build_form(connector, integration.settings, {}, None, language=call.language)
    profile, stored = found
    return connector, build_form(connector, integration.settings, stored, get_token(profile), language=call.language)


def get_token(profile: Profile) -> str | None:
    """Returns the newest live token of an account."""
    return profile.tokens[0].token if profile.tokens else None


def _notices(form: Form) -> list[dict[str, Any]]:
    name = form.name
    if form.token is None:
        text = f"The External Trigger Token for {name} is made when you connect. Open this again afterwards to copy it."
        return [{"key": "token-follows", "type": "info", "description": text}]
    text = f"{name} calls with the External Trigger Token below. Linking is complete once {name} has entered it."
    return [{"key": "token-use", "type": "info", "description": text}]
