"""The calls for partners, integrations and API keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.ashby import admin
from greenroom_sandbox.ashby.assessments import describe
from greenroom_sandbox.ashby.model import ApiKey, Connection, FieldsCall, Partner, make_uuid, parse_uuid
from greenroom_sandbox.ashby.state import ASHBY, Ashby
from greenroom_sandbox.http.reading import Body, read_body, respond, respond_list

routes = web.RouteTableDef()
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Permission = Literal["candidatesWrite", "candidatesRead"]


class NewPartner(Body):
    """A partner to enter."""

    name: Name
    base_url: str
    partner_id: Name | None = None
    cancel: bool = True
    custom_fields: FieldsCall | None = "customFields.fetch"
    launched: bool = True


class PartnerChange(Body):
    """Fields of a partner to change."""

    name: Name = ""
    base_url: str = ""
    partner_id: Name = ""
    cancel: bool = True
    custom_fields: FieldsCall | None = None
    launched: bool = True


class PartnerKey(Body):
    """The partner API key that an admin pastes."""

    key: str | None = None
    enabled: bool = True


class NewApiKey(Body):
    """An API key to make; without ``key`` the simulator generates one."""

    name: Name = "Assessments"
    permissions: list[Permission] = Field(default=["candidatesWrite"])
    key: str | None = None


class ApiKeyChange(Body):
    """Fields of an API key to change."""

    enabled: bool = True
    permissions: list[Permission] = Field(default_factory=list)


def describe_partner(partner: Partner) -> dict[str, Any]:
    """Returns a partner as the API shows it."""
    return {**partner.model_dump(mode="json"), "id": make_uuid("partner", partner.id)}


def _connection(ashby: Ashby, connection: Connection) -> dict[str, Any]:
    key = connection.key
    return {
        "organization_id": make_uuid("organization", connection.organization_id),
        "partner_id": make_uuid("partner", connection.partner_id),
        "key_set": key is not None,
        "key_hint": f"…{key[-4:]}" if key else None,
        **connection.model_dump(mode="json", exclude={"id", "organization_id", "partner_id", "key"}),
        "api_keys": [_api_key(one) for one in admin.list_api_keys(ashby, connection)],
    }


def _api_key(key: ApiKey) -> dict[str, Any]:
    shown = key.model_dump(mode="json", exclude={"key", "connection_id"})
    return {**shown, "id": make_uuid("API key", key.id), "key_hint": f"…{key.key[-4:]}"}


def _partner_id(request: web.Request) -> int:
    return parse_uuid("partner", request.match_info["id"])


def _ids(request: web.Request) -> tuple[int, int]:
    """Returns the organization and the partner of the path."""
    organization_id = parse_uuid("organization", request.match_info["organization_id"])
    return organization_id, parse_uuid("partner", request.match_info["id"])


@routes.post("/api/ashby/partners")
async def add_partner(request: web.Request) -> web.Response:
    """Enters a partner."""
    values = (await read_body(request, NewPartner)).model_dump()
    return respond(describe_partner(admin.add_partner(request.app[ASHBY], values)), 201)


@routes.get("/api/ashby/partners")
async def list_partners(request: web.Request) -> web.Response:
    """Lists the partners."""
    return respond_list([describe_partner(one) for one in request.app[ASHBY].partners.all()])


@routes.get("/api/ashby/partners/{id}")
async def get_partner(request: web.Request) -> web.Response:
    """Returns a partner."""
    return respond(describe_partner(request.app[ASHBY].partners.get(_partner_id(request))))


@routes.patch("/api/ashby/partners/{id}")
async def change_partner(request: web.Request) -> web.Response:
    """Changes a partner."""
    changes = (await read_body(request, PartnerChange)).get_given()
    return respond(describe_partner(admin.change_partner(request.app[ASHBY], _partner_id(request), changes)))


@routes.get("/api/ashby/organizations/{organization_id}/partners/{id}")
async def get_connection(request: web.Request) -> web.Response:
    """Returns a customer's integration with a partner."""
    ashby = request.app[ASHBY]
    return respond(_connection(ashby, admin.get_connection(ashby, *_ids(request))))


@routes.put("/api/ashby/organizations/{organization_id}/partners/{id}")
async def store_key(request: web.Request) -> web.Response:
    """Stores the partner API key."""
    ashby, given = request.app[ASHBY], await read_body(request, PartnerKey)
    return respond(_connection(ashby, admin.store_key(ashby, *_ids(request), given.key, given.enabled)))


@routes.delete("/api/ashby/organizations/{organization_id}/partners/{id}")
async def remove_key(request: web.Request) -> web.Response:
    """Removes the partner API key and disables the integration."""
    admin.remove_key(request.app[ASHBY], *_ids(request))
    return respond({"ok": True})


@routes.post("/api/ashby/organizations/{organization_id}/partners/{id}/refresh")
async def refresh(request: web.Request) -> web.Response:
    """Does what the button *Refresh* does."""
    result = await admin.refresh(request.app[ASHBY], *_ids(request))
    return respond({**describe(result), "assessment_types": [one.model_dump() for one in result.value or []]})


@routes.post("/api/ashby/organizations/{organization_id}/partners/{id}/sync-custom-fields")
async def sync_fields(request: web.Request) -> web.Response:
    """Does what the button *Sync Custom Fields* does."""
    result = await admin.sync_fields(request.app[ASHBY], *_ids(request))
    return respond({**describe(result), "fields": [one.model_dump() for one in result.value or []]})


@routes.post("/api/ashby/organizations/{organization_id}/partners/{id}/api-keys")
async def add_api_key(request: web.Request) -> web.Response:
    """Makes an API key; the answer has the key."""
    ashby, given = request.app[ASHBY], await read_body(request, NewApiKey)
    permissions: list[str] = list(given.permissions)
    made = admin.add_api_key(ashby, *_ids(request), given.name, permissions, given.key)
    return respond({**_api_key(made), "key": made.key}, 201)


@routes.patch("/api/ashby/api-keys/{id}")
async def change_api_key(request: web.Request) -> web.Response:
    """Changes an API key, for example switches it off."""
    changes = (await read_body(request, ApiKeyChange)).get_given()
    api_key_id = parse_uuid("API key", request.match_info["id"])
    return respond(_api_key(admin.change_api_key(request.app[ASHBY], api_key_id, changes)))
