"""The pages of the support desk: partners, their credentials and customers' keys."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.partner import Category, Partner
from greenroom_sandbox.greenhouse.services import desk
from greenroom_sandbox.greenhouse.web.pages import get_visitor, get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import get_number, redirect

routes = web.RouteTableDef()
OPTIONAL = ("tagline", "overview", "support_contact")


@routes.get("/support")
@page
async def overview(request: web.Request) -> web.StreamResponse:
    """Lists the partners with the number of customers that use each."""
    world = get_world(request)
    enabled = [one.partner_id for one in world.connections.all() if one.usable]
    rows = [(partner, enabled.count(partner.id)) for partner in world.partners.all()]
    return render(request, "desk.html", rows=rows)


@routes.get("/support/partners/new")
@page
async def new_application(request: web.Request) -> web.StreamResponse:
    """Shows the form of a partner application."""
    return _form(request, forms.query(request), None, None)


@routes.post("/support/partners/new")
@page
async def apply(request: web.Request) -> web.StreamResponse:
    """Approves an application and shows the partner's page with the credentials."""
    given = await forms.read(request)
    try:
        partner = desk.apply_for_partnership(get_world(request), _values(given))
    except Refused as error:
        return _form(request, given, error, None)
    return redirect(f"/support/partners/{partner.id}", "applied", reveal="true")


@routes.get("/support/partners/{id}/edit")
@page
async def edit_application(request: web.Request) -> web.StreamResponse:
    """Shows the form with the partner's present data."""
    partner = _partner(request)
    known = {name: [str(value)] for name, value in partner.model_dump().items() if value not in (None, False)}
    return _form(request, forms.Form(known), None, partner)


@routes.post("/support/partners/{id}/edit")
@page
async def save_application(request: web.Request) -> web.StreamResponse:
    """Saves a changed application."""
    partner, given = _partner(request), await forms.read(request)
    try:
        desk.change_partner(get_world(request), partner.id, _values(given))
    except Refused as error:
        return _form(request, given, error, partner)
    return redirect(f"/support/partners/{partner.id}", "saved")


def _values(given: forms.Form) -> dict[str, Any]:
    values: dict[str, Any] = {name: given.required(name) for name in ("name", *desk.URLS)}
    values |= {name: given.optional(name) for name in OPTIONAL}
    return {**values, "category": given.one_of("category", get_args(Category)), "polling": given.on("polling")}


def _form(request: web.Request, given: forms.Form, error: Refused | None, partner: Partner | None) -> web.Response:
    values: dict[str, Any] = {
        "given": given,
        "error": error,
        "partner": partner,
        "categories": list(texts.CATEGORIES.items()),
    }
    return render(request, "partner_form.html", error.status if error else 200, **values)


@routes.get("/support/partners/{id}")
@page
async def show_partner(request: web.Request) -> web.StreamResponse:
    """Shows a partner with each customer's connection."""
    world, partner = get_world(request), _partner(request)
    customers = [(one, world.find_connection(one.id, partner.id)) for one in world.organizations.all()]
    revealed = forms.query(request).text("reveal") == "true"
    return render(request, "partner.html", partner=partner, customers=customers, revealed=revealed)


@routes.post("/support/partners/{id}/credentials")
@page
async def issue_credentials(request: web.Request) -> web.StreamResponse:
    """Replaces a partner's credentials and shows the new ones."""
    partner = desk.issue_credentials(get_world(request), get_number(request), None, None)
    return redirect(f"/support/partners/{partner.id}", "issued", reveal="true")


@routes.post("/support/partners/{id}/{action:publish|unpublish}")
@page
async def publish(request: web.Request) -> web.StreamResponse:
    """Adds a partner to the directory, or removes it from there."""
    action = request.match_info["action"]
    desk.change_partner(get_world(request), get_number(request), {"published": action == "publish"})
    return redirect(f"/support/partners/{get_number(request)}", f"{action}ed")


@routes.get("/support/partners/{id}/customers/{organization_id}")
@page
async def show_customer(request: web.Request) -> web.StreamResponse:
    """Shows a customer's connection with a partner."""
    return _customer(request, None)


@routes.post("/support/partners/{id}/customers/{organization_id}/{action:key|enable|disable|forget}")
@page
async def change_customer(request: web.Request) -> web.StreamResponse:
    """Stores or removes a key, enables or disables the integration."""
    world, given = get_world(request), await forms.read(request)
    ids, action = (get_number(request, "organization_id"), get_number(request)), request.match_info["action"]
    try:
        if action == "key":
            desk.store_key(world, *ids, given.text("key"), given.on("enabled"))
        elif action == "forget":
            desk.remove_key(world, *ids)
        else:
            desk.switch(world, *ids, action == "enable")
    except Refused as error:
        return _customer(request, error)
    said = {"key": "key-stored", "enable": "enabled", "disable": "disabled", "forget": "forgotten"}[action]
    return redirect(f"/support/partners/{ids[1]}/customers/{ids[0]}", said)


def _customer(request: web.Request, error: Refused | None) -> web.Response:
    ids = get_number(request, "organization_id"), get_number(request)
    who, connection = get_visitor(request, ids[0]), desk.get_connection(get_world(request), *ids)
    values = {"partner": _partner(request), "connection": connection, "error": error}
    return render(request, "customer.html", error.status if error else 200, who=who, **values)


def _partner(request: web.Request) -> Partner:
    return get_world(request).partners.get(get_number(request))
