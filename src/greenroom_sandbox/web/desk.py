"""Greenhouse's own desks: partner applications, their credentials, and the customers' keys."""

from __future__ import annotations

from typing import Any, get_args

from aiohttp import web

from greenroom_sandbox import texts
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.partner import Category, Partner
from greenroom_sandbox.services import desk
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import number, page, see, shown, visitor, world_of

routes = web.RouteTableDef()
OPTIONAL = ("tagline", "overview", "support_contact")


@routes.get("/support")
@page
async def overview(request: web.Request) -> web.StreamResponse:
    """Every partner, and how many customers use it."""
    world = world_of(request)
    enabled = [one.partner_id for one in world.connections.all() if one.usable]
    rows = [(partner, enabled.count(partner.id)) for partner in world.partners.all()]
    return shown(request, "desk.html", rows=rows)


@routes.get("/support/partners/new")
@page
async def new_application(request: web.Request) -> web.StreamResponse:
    """The partner application."""
    return _form(request, forms.query(request), None, None)


@routes.post("/support/partners/new")
@page
async def apply(request: web.Request) -> web.StreamResponse:
    """Approves it at once; the partner's page has the credentials."""
    given = await forms.read(request)
    try:
        partner = desk.apply_for_partnership(world_of(request), _values(given))
    except Refused as error:
        return _form(request, given, error, None)
    return see(f"/support/partners/{partner.id}", "applied", reveal="true")


@routes.get("/support/partners/{id}/edit")
@page
async def edit_application(request: web.Request) -> web.StreamResponse:
    """The same form, with what the partner gave."""
    partner = _partner(request)
    known = {name: [str(value)] for name, value in partner.model_dump().items() if value not in (None, False)}
    return _form(request, forms.Form(known), None, partner)


@routes.post("/support/partners/{id}/edit")
@page
async def save_application(request: web.Request) -> web.StreamResponse:
    """Changes it."""
    partner, given = _partner(request), await forms.read(request)
    try:
        desk.change_partner(world_of(request), partner.id, _values(given))
    except Refused as error:
        return _form(request, given, error, partner)
    return see(f"/support/partners/{partner.id}", "saved")


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
    return shown(request, "partner_form.html", error.status if error else 200, **values)


@routes.get("/support/partners/{id}")
@page
async def show_partner(request: web.Request) -> web.StreamResponse:
    """What is known of a partner, and each customer's key for it."""
    world, partner = world_of(request), _partner(request)
    customers = [(one, world.connection(one.id, partner.id)) for one in world.organizations.all()]
    revealed = forms.query(request).text("reveal") == "true"
    return shown(request, "partner.html", partner=partner, customers=customers, revealed=revealed)


@routes.post("/support/partners/{id}/credentials")
@page
async def issue_credentials(request: web.Request) -> web.StreamResponse:
    """A new pair; the old one ends."""
    partner = desk.issue_credentials(world_of(request), number(request), None, None)
    return see(f"/support/partners/{partner.id}", "issued", reveal="true")


@routes.post("/support/partners/{id}/{action:publish|unpublish}")
@page
async def publish(request: web.Request) -> web.StreamResponse:
    """Lists it in the directory, or not."""
    action = request.match_info["action"]
    desk.change_partner(world_of(request), number(request), {"published": action == "publish"})
    return see(f"/support/partners/{number(request)}", f"{action}ed")


@routes.get("/support/partners/{id}/customers/{organization_id}")
@page
async def show_customer(request: web.Request) -> web.StreamResponse:
    """A customer's key and its switch."""
    return _customer(request, None)


@routes.post("/support/partners/{id}/customers/{organization_id}/{action:key|enable|disable|forget}")
@page
async def change_customer(request: web.Request) -> web.StreamResponse:
    """Stores a key and enables the integration with it; switches; forgets."""
    world, given = world_of(request), await forms.read(request)
    ids, action = (number(request, "organization_id"), number(request)), request.match_info["action"]
    try:
        if action == "key":
            desk.take_key(world, *ids, given.text("key"), given.on("enabled"))
        elif action == "forget":
            desk.forget_key(world, *ids)
        else:
            desk.switch(world, *ids, action == "enable")
    except Refused as error:
        return _customer(request, error)
    said = {"key": "key-stored", "enable": "enabled", "disable": "disabled", "forget": "forgotten"}[action]
    return see(f"/support/partners/{ids[1]}/customers/{ids[0]}", said)


def _customer(request: web.Request, error: Refused | None) -> web.Response:
    ids = number(request, "organization_id"), number(request)
    who, connection = visitor(request, ids[0]), desk.connection(world_of(request), *ids)
    values = {"partner": _partner(request), "connection": connection, "error": error}
    return shown(request, "customer.html", error.status if error else 200, who=who, **values)


def _partner(request: web.Request) -> Partner:
    return world_of(request).partners.get(number(request))
