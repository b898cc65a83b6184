"""The calls for a customer's recruiting webhooks."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.greenhouse.model.hook import Action, Hook
from greenroom_sandbox.greenhouse.services import hooks
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.http.reading import Body, get_number, read_body, respond, respond_list

routes = web.RouteTableDef()


class NewHook(Body):
    """A webhook to configure."""

    name: str = Field(min_length=1)
    url: str
    secret: str = Field(min_length=1)
    action: Action
    enabled: bool = True
    username: str | None = None
    password: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)


class HookChange(Body):
    """Fields of a webhook to change."""

    name: str = ""
    url: str = ""
    secret: str = Field("", min_length=1)
    action: Action = "candidate_stage_change"
    enabled: bool = True
    username: str | None = None
    password: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)


def _shown(hook: Hook, status: int = 200) -> web.Response:
    return respond(hook.model_dump(mode="json", exclude={"secret", "password"}), status)


@routes.get("/api/organizations/{id}/webhooks")
async def list_hooks(request: web.Request) -> web.Response:
    """Lists a customer's webhooks without their secrets."""
    world, organization_id = request.app[SIMULATOR].world, get_number(request)
    found = [one for one in world.hooks.all() if one.organization_id == organization_id]
    return respond_list([one.model_dump(mode="json", exclude={"secret", "password"}) for one in found])


@routes.post("/api/organizations/{id}/webhooks")
async def add_hook(request: web.Request) -> web.Response:
    """Creates a webhook and pings it."""
    values = (await read_body(request, NewHook)).model_dump() | {"organization_id": get_number(request)}
    return _shown(await hooks.configure(request.app[SIMULATOR], None, values), 201)


@routes.patch("/api/webhooks/{id}")
async def change_hook(request: web.Request) -> web.Response:
    """Changes a webhook and pings it again."""
    changes = (await read_body(request, HookChange)).get_given()
    return _shown(await hooks.configure(request.app[SIMULATOR], get_number(request), changes))


@routes.delete("/api/webhooks/{id}")
async def remove_hook(request: web.Request) -> web.Response:
    """Removes a webhook with its deliveries."""
    hooks.remove(request.app[SIMULATOR].world, get_number(request))
    return respond({"ok": True})


@routes.get("/api/webhooks/{id}/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """Lists a webhook's deliveries, oldest first."""
    world = request.app[SIMULATOR].world
    return respond_list(list(hooks.get_deliveries(world, world.hooks.get(get_number(request)).id)))
