"""The calls for the partnership desk, the support desk and the directory."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.greenhouse.api.company import Name
from greenroom_sandbox.greenhouse.model.partner import Category, Connection, Partner
from greenroom_sandbox.greenhouse.services import desk
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.http.reading import Body, get_number, get_query_number, read_body, respond, respond_list

routes = web.RouteTableDef()


class PartnerApplication(Body):
    """A partner application."""

    name: Name
    list_tests_url: str
    send_test_url: str
    test_status_url: str
    response_error_url: str
    category: Category = "assessments"
    tagline: str | None = None
    overview: str | None = None
    support_contact: str | None = None
    polling: bool = False
    username: str | None = None
    password: str | None = None


class PartnerChange(Body):
    """Fields of an application to change."""

    name: Name = ""
    list_tests_url: str = ""
    send_test_url: str = ""
    test_status_url: str = ""
    response_error_url: str = ""
    category: Category = "assessments"
    tagline: str | None = None
    overview: str | None = None
    support_contact: str | None = None
    polling: bool = False


class Credentials(Body):
    """Credentials to use instead of generated ones."""

    username: str | None = None
    password: str | None = None


class CustomerKey(Body):
    """A customer's key for support to store."""

    key: str | None = None
    enabled: bool = True


def _partner(partner: Partner) -> dict[str, Any]:
    return partner.model_dump(mode="json", exclude={"password"})


def _connection(connection: Connection) -> dict[str, Any]:
    key = connection.key
    return {
        "organization_id": connection.organization_id,
        "partner_id": connection.partner_id,
        "key_set": key is not None,
        "key_hint": f"…{key[-4:]}" if key else None,
        "enabled": connection.enabled,
    }


@routes.post("/api/partners")
async def apply(request: web.Request) -> web.Response:
    """Approves a partner application.

    The answer has the password.
    """
    values = (await read_body(request, PartnerApplication)).model_dump()
    return respond(desk.apply_for_partnership(request.app[SIMULATOR].world, values), 201)


@routes.get("/api/partners")
async def list_partners(request: web.Request) -> web.Response:
    """Lists the partners."""
    return respond_list([_partner(one) for one in request.app[SIMULATOR].world.partners.all()])


@routes.get("/api/partners/{id}")
async def get_partner(request: web.Request) -> web.Response:
    """Returns a partner; with ``?reveal=true`` also its password."""
    partner = request.app[SIMULATOR].world.partners.get(get_number(request))
    return respond(partner if request.query.get("reveal") == "true" else _partner(partner))


@routes.patch("/api/partners/{id}")
async def change_partner(request: web.Request) -> web.Response:
    """Changes a partner's application."""
    changes = (await read_body(request, PartnerChange)).get_given()
    return respond(_partner(desk.change_partner(request.app[SIMULATOR].world, get_number(request), changes)))


@routes.post("/api/partners/{id}/credentials")
async def issue_credentials(request: web.Request) -> web.Response:
    """Replaces a partner's credentials."""
    wanted = await read_body(request, Credentials)
    world = request.app[SIMULATOR].world
    return respond(desk.issue_credentials(world, get_number(request), wanted.username, wanted.password))


@routes.post("/api/partners/{id}/{action:publish|unpublish}")
async def publish(request: web.Request) -> web.Response:
    """Adds a partner to the directory, or removes it from there."""
    world, published = request.app[SIMULATOR].world, request.match_info["action"] == "publish"
    return respond(_partner(desk.change_partner(world, get_number(request), {"published": published})))


@routes.get("/api/directory")
async def directory(request: web.Request) -> web.Response:
    """Lists the published listings."""
    search, category = request.query.get("search", ""), request.query.get("category") or None
    world = request.app[SIMULATOR].world
    return respond_list(desk.directory(world, search, category, get_query_number(request, "organization_id")))


@routes.get("/api/directory/{id}")
async def listing(request: web.Request) -> web.Response:
    """Returns a published listing."""
    world = request.app[SIMULATOR].world
    return respond(desk.listing(world, get_number(request), get_query_number(request, "organization_id")))


@routes.get("/api/organizations/{id}/partners")
async def list_connections(request: web.Request) -> web.Response:
    """Lists a customer's connections."""
    world, organization_id = request.app[SIMULATOR].world, get_number(request)
    world.organizations.get(organization_id)
    return respond_list([_connection(one) for one in world.connections.all() if one.organization_id == organization_id])


@routes.put("/api/organizations/{id}/partners/{partner_id}")
async def store_key(request: web.Request) -> web.Response:
    """Stores a customer's key."""
    given = await read_body(request, CustomerKey)
    ids = get_number(request), get_number(request, "partner_id")
    return respond(_connection(desk.store_key(request.app[SIMULATOR].world, *ids, given.key, given.enabled)))


@routes.get("/api/organizations/{id}/partners/{partner_id}")
async def get_connection(request: web.Request) -> web.Response:
    """Returns a customer's connection with a partner."""
    ids = get_number(request), get_number(request, "partner_id")
    return respond(_connection(desk.get_connection(request.app[SIMULATOR].world, *ids)))


@routes.delete("/api/organizations/{id}/partners/{partner_id}")
async def remove_key(request: web.Request) -> web.Response:
    """Removes a customer's key and disables the integration."""
    desk.remove_key(request.app[SIMULATOR].world, get_number(request), get_number(request, "partner_id"))
    return respond({"ok": True})


@routes.post("/api/organizations/{id}/partners/{partner_id}/{action:enable|disable}")
async def switch(request: web.Request) -> web.Response:
    """Enables or disables the integration."""
    enabled = request.match_info["action"] == "enable"
    ids = get_number(request), get_number(request, "partner_id")
    return respond(_connection(desk.switch(request.app[SIMULATOR].world, *ids, enabled)))
