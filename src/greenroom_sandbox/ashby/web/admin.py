"""The admin's integrations, and Ashby's onboarding of partners."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from greenroom_sandbox.ashby import admin
from greenroom_sandbox.ashby.model import ApiKey, FieldsCall, Partner, make_uuid
from greenroom_sandbox.ashby.partner_calls import CallResult
from greenroom_sandbox.ashby.web.frame import get_ashby, get_id, get_visitor, page, render
from greenroom_sandbox.errors import Conflict, Refused
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import redirect

routes = web.RouteTableDef()


@routes.get("/ashby/integrations")
@page
async def list_integrations(request: web.Request) -> web.StreamResponse:
    """Shows a tile for each partner; unlaunched ones on request."""
    ashby, who, unlaunched = get_ashby(request), get_visitor(request), forms.query(request).on("unlaunched")
    partners = ashby.partners.all()
    shown = [one for one in partners if one.launched or unlaunched]
    tiles = [(one, admin.get_connection(ashby, who.organization.id, one.id)) for one in shown]
    return render(request, "ashby_integrations.html", who=who, tiles=tiles, hidden=len(partners) - len(shown))


@routes.get("/ashby/integrations/{id}")
@page
async def show_integration(request: web.Request) -> web.StreamResponse:
    """Shows the dialog of an integration; with a key and no custom fields yet, they are read first."""
    ashby, ids = get_ashby(request), _ids(request)
    connection = admin.get_connection(ashby, *ids)
    if connection.key and connection.synced_at is None and ashby.partners.get(ids[1]).custom_fields:
        await admin.sync_fields(ashby, *ids)
    return _integration(request)


@routes.post("/ashby/integrations/{id}/{action:key|remove}")
@page
async def change_key(request: web.Request) -> web.StreamResponse:
    """Stores or removes the partner API key."""
    ashby, ids, given = get_ashby(request), _ids(request), await forms.read(request)
    try:
        if request.match_info["action"] == "remove":
            admin.remove_key(ashby, *ids)
            return redirect(_path(ids[1]), "key-removed")
        admin.store_key(ashby, *ids, given.required("key"), True)
    except Refused as error:
        return _integration(request, error=error)
    return redirect(_path(ids[1]), "key-stored")


@routes.post("/ashby/integrations/{id}/{action:refresh|sync}")
@page
async def call_partner(request: web.Request) -> web.StreamResponse:
    """The buttons *Refresh* and *Sync Custom Fields*."""
    ashby, ids, refreshing = get_ashby(request), _ids(request), request.match_info["action"] == "refresh"
    result = await (admin.refresh if refreshing else admin.sync_fields)(ashby, *ids)
    if result.message is not None:
        return _integration(request, result=result)
    return redirect(_path(ids[1]), "refreshed" if refreshing else "synced")


@routes.post("/ashby/integrations/{id}/api-keys")
@page
async def add_api_key(request: web.Request) -> web.StreamResponse:
    """Makes an API key and shows it, once."""
    ashby, ids, given = get_ashby(request), _ids(request), await forms.read(request)
    try:
        permissions = [one for one in admin.PERMISSIONS if given.on(one)]
        made = admin.add_api_key(ashby, *ids, given.required("name")[:200], permissions, None)
    except Refused as error:
        return _integration(request, error=error)
    return _integration(request, made=made)


@routes.post("/ashby/integrations/{id}/api-keys/{key_id}/{action:on|off}")
@page
async def switch_api_key(request: web.Request) -> web.StreamResponse:
    """Switches an API key on or off."""
    ashby, ids, action = get_ashby(request), _ids(request), request.match_info["action"]
    connection = admin.get_connection(ashby, *ids)
    key = admin.get_api_key(ashby, connection, get_id(request, "API key", "key_id"))
    admin.change_api_key(ashby, key.id, {"enabled": action == "on"})
    return redirect(_path(ids[1]), f"key-{action}")


def _integration(
    request: web.Request,
    *,
    error: Refused | None = None,
    result: CallResult[Any] | None = None,
    made: ApiKey | None = None,
) -> web.Response:
    ashby, (organization_id, partner_id) = get_ashby(request), _ids(request)
    connection = admin.get_connection(ashby, organization_id, partner_id)
    values: dict[str, Any] = {"partner": ashby.partners.get(partner_id), "connection": connection, "made": made}
    values |= {"error": error, "result": result, "api_keys": admin.list_api_keys(ashby, connection)}
    return render(request, "ashby_integration.html", error.status if error else 200, **values)


def _ids(request: web.Request) -> tuple[int, int]:
    return get_visitor(request).organization.id, get_id(request, "partner")


def _path(partner_id: int) -> str:
    return f"/ashby/integrations/{make_uuid('partner', partner_id)}"


@routes.get("/ashby/partners")
@page
async def list_partners(request: web.Request) -> web.StreamResponse:
    """Lists the partners that Ashby has onboarded."""
    return render(request, "ashby_partners.html", partners=get_ashby(request).partners.all())


@routes.get("/ashby/partners/new")
@page
async def new_partner(request: web.Request) -> web.StreamResponse:
    """Shows the form of a new partner."""
    defaults = {"cancel": ["on"], "launched": ["on"], "custom_fields": ["customFields.fetch"]}
    return _form(request, forms.Form(defaults), None, None)


@routes.post("/ashby/partners/new")
@page
async def add_partner(request: web.Request) -> web.StreamResponse:
    """Enters a partner."""
    given = await forms.read(request)
    try:
        admin.add_partner(get_ashby(request), _values(given))
    except Refused as error:
        return _form(request, given, error, None)
    return redirect("/ashby/partners", "partner-added")


@routes.get("/ashby/partners/{id}/edit")
@page
async def edit_partner(request: web.Request) -> web.StreamResponse:
    """Shows the form with a partner's present data."""
    partner = get_ashby(request).partners.get(get_id(request, "partner"))
    known = {name: [str(value)] for name, value in partner.model_dump().items() if value not in (None, False)}
    return _form(request, forms.Form(known), None, partner)


@routes.post("/ashby/partners/{id}/edit")
@page
async def save_partner(request: web.Request) -> web.StreamResponse:
    """Saves a changed partner."""
    ashby, given = get_ashby(request), await forms.read(request)
    partner = ashby.partners.get(get_id(request, "partner"))
    try:
        admin.change_partner(ashby, partner.id, _values(given))
    except (Refused, Conflict) as error:
        return _form(request, given, error, partner)
    return redirect("/ashby/partners", "saved")


def _values(given: forms.Form) -> dict[str, Any]:
    values: dict[str, Any] = {name: given.required(name) for name in ("name", "base_url")}
    values |= {name: given.on(name) for name in ("cancel", "launched")}
    if given.text("custom_fields"):
        values["custom_fields"] = given.one_of("custom_fields", get_args(FieldsCall))
    return {"custom_fields": None, **values}


def _form(
    request: web.Request, given: forms.Form, error: Refused | Conflict | None, partner: Partner | None
) -> web.Response:
    calls = [(word, word) for word in get_args(FieldsCall)]
    values: dict[str, Any] = {"given": given, "error": error, "partner": partner, "calls": calls}
    return render(request, "ashby_partner_form.html", error.status if error else 200, **values)
