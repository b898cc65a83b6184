"""The page of the wire settings and of the reset."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.web.pages import get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import redirect
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.services import settings

routes = web.RouteTableDef()
HELP = {
    "public_url": "Base of the addresses that partners are told. Empty: the simulator's own.",
    "http": "Partner URLs without https.",
    "completion_auth": "Credentials that a partner's PATCH must carry: its own, the customer's key, either.",
    "completion_status": "What an accepted PATCH is answered.",
    "status_check": "When an accepted PATCH leads to test_status.",
    "status_check_delay_seconds": "For a delayed one, on the simulator's clock.",
    "accept_later_updates": "A result may be replaced by a later one. Greenhouse takes one result a test.",
    "show_private_result_urls": "Show results whose report is on this machine or in a private network. "
    "Greenhouse shows nothing then.",
    "send_ids": "Candidate and application id in send_test.",
    "id_type": "How those ids are written.",
    "send_preferred_name": "Preferred name in send_test.",
    "send_sent_by": "Sender's address in send_test.",
    "callback_url": "Where send_test has the call-back URL.",
    "integer_test_ids": "Ids of tests and interviews are numbers, as with old partners.",
    "interview_id": "Where partner_interview_id goes in a query: last, first, or behind a second question mark.",
    "refresh_token_hours": "How long a refresh token of the Harvest API lives: 24, or 336 as some pages say.",
    "token_expires_in": "expires_in beside expires_at in the answer of the token endpoint.",
    "token_rate_limit": "Requests for tokens that a client may make in 60 seconds.",
    "harvest_rate_limit": "Harvest requests that a client may make in 30 seconds.",
    "ashby_uuid_ids": "Ashby: ids of assessment types and assessments must be UUIDs.",
    "ashby_rate_limit": "Ashby: requests that an API key may make in 60 seconds.",
    "deadline_seconds": "Total time of one call to a partner.",
    "reply_limit_bytes": "Largest reply that is read.",
}


@routes.get("/settings")
@page
async def show_settings(request: web.Request) -> web.StreamResponse:
    """Shows every setting."""
    return _settings(request, None)


@routes.post("/settings")
@page
async def change_settings(request: web.Request) -> web.StreamResponse:
    """Changes the settings."""
    given = await forms.read(request)
    try:
        settings.change(get_world(request), _values(given))
    except Refused as error:
        return _settings(request, error)
    return redirect("/settings", "settings")


@routes.post("/settings/reset")
@page
async def reset(request: web.Request) -> web.StreamResponse:
    """Resets company, partners, tests and settings to the seed."""
    async with request.app[SIMULATOR].clock_lock:
        get_world(request).reset(get_world(request).seed, None, WireSettings())
    return redirect("/jobs", "reset")


def _values(given: forms.Form) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in WireSettings.model_fields.items():
        if field.annotation is bool:
            values[name] = given.on(name)
        elif get_origin(field.annotation) is Literal:
            known = {str(choice): choice for choice in get_args(field.annotation)}
            values[name] = known.get(given.text(name), given.text(name))
        else:
            values[name] = given.optional(name)
    return values


def _settings(request: web.Request, error: Refused | None) -> web.Response:
    now = get_world(request).settings
    fields = []
    for name, field in WireSettings.model_fields.items():
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        kind = "check" if field.annotation is bool else "select" if choices else "text"
        value = getattr(now, name)
        fields.append((name, kind, HELP.get(name, ""), value, [(one, str(one).replace("_", " ")) for one in choices]))
    return render(request, "settings.html", error.status if error else 200, fields=fields, error=error)
