"""Partnership desk, support desk, directory."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, query_number, shown
from greenroom_sandbox.model.partner import Category, Connection, Partner
from greenroom_sandbox.services import desk

routes = web.RouteTableDef()


class Application(Body):
    """The partner application."""

    name: str
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

    name: str = ""
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
    """A pair to take instead of a new one."""

    username: str | None = None
    password: str | None = None


class Key(Body):
    """What the customer's admin gives to support."""

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
    """The answer shows the password, this once."""
    values = (await body(request, Application)).model_dump()
    return shown(desk.apply_for_partnership(request.app[SIMULATOR].world, values), 201)


@routes.get("/api/partners")
async def list_partners(request: web.Request) -> web.Response:
    """Every partner."""
    return listed([_partner(one) for one in request.app[SIMULATOR].world.partners.all()])


@routes.get("/api/partners/{id}")
async def get_partner(request: web.Request) -> web.Response:
    """One partner; with ``?reveal=true`` also its password."""
    partner = request.app[SIMULATOR].world.partners.get(number(request))
    return shown(partner if request.query.get("reveal") == "true" else _partner(partner))


@routes.patch("/api/partners/{id}")
async def change_partner(request: web.Request) -> web.Response:
    """Changes what was given."""
    changes = (await body(request, PartnerChange)).given()
    return shown(_partner(desk.change_partner(request.app[SIMULATOR].world, number(request), changes)))


@routes.post("/api/partners/{id}/credentials")
async def issue_credentials(request: web.Request) -> web.Response:
    """A new pair; the old one ends."""
    wanted = await body(request, Credentials)
    world = request.app[SIMULATOR].world
    return shown(desk.issue_credentials(world, number(request), wanted.username, wanted.password))


@routes.post("/api/partners/{id}/{action:publish|unpublish}")
async def publish(request: web.Request) -> web.Response:
    """Lists a partner in the directory, or not."""
    world, published = request.app[SIMULATOR].world, request.match_info["action"] == "publish"
    return shown(_partner(desk.change_partner(world, number(request), {"published": published})))


@routes.get("/api/directory")
async def directory(request: web.Request) -> web.Response:
    """The published listings."""
    search, category = request.query.get("search", ""), request.query.get("category") or None
    world = request.app[SIMULATOR].world
    return listed(desk.directory(world, search, category, query_number(request, "organization_id")))


@routes.get("/api/directory/{id}")
async def listing(request: web.Request) -> web.Response:
    """One published listing."""
    world = request.app[SIMULATOR].world
    return shown(desk.listing(world, number(request), query_number(request, "organization_id")))


@routes.get("/api/organizations/{id}/partners")
async def list_connections(request: web.Request) -> web.Response:
    """All of a customer's connections."""
    world, organization_id = request.app[SIMULATOR].world, number(request)
    world.organizations.get(organization_id)
    return listed([_connection(one) for one in world.connections.all() if one.organization_id == organization_id])


@routes.put("/api/organizations/{id}/partners/{partner_id}")
async def take_key(request: web.Request) -> web.Response:
    """Support stores the key."""
    given = await body(request, Key)
    ids = number(request), number(request, "partner_id")
    return shown(_connection(desk.take_key(request.app[SIMULATOR].world, *ids, given.key, given.enabled)))


@routes.get("/api/organizations/{id}/partners/{partner_id}")
async def get_connection(request: web.Request) -> web.Response:
    """One connection."""
    ids = number(request), number(request, "partner_id")
    return shown(_connection(desk.connection(request.app[SIMULATOR].world, *ids)))


@routes.delete("/api/organizations/{id}/partners/{partner_id}")
async def forget_key(request: web.Request) -> web.Response:
    """Forgets key and enablement."""
    desk.forget_key(request.app[SIMULATOR].world, number(request), number(request, "partner_id"))
    return shown({"ok": True})


@routes.post("/api/organizations/{id}/partners/{partner_id}/{action:enable|disable}")
async def switch(request: web.Request) -> web.Response:
    """The switch alone."""
    enabled = request.match_info["action"] == "enable"
    ids = number(request), number(request, "partner_id")
    return shown(_connection(desk.switch(request.app[SIMULATOR].world, *ids, enabled)))
