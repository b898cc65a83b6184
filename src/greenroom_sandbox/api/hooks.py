"""A customer's recruiting webhooks."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, shown
from greenroom_sandbox.model.hook import Action, Hook
from greenroom_sandbox.services import hooks

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
    return shown(hook.model_dump(mode="json", exclude={"secret", "password"}), status)


@routes.get("/api/organizations/{id}/webhooks")
async def list_hooks(request: web.Request) -> web.Response:
    """All of a customer's, without secrets."""
    world, organization_id = request.app[SIMULATOR].world, number(request)
    found = [one for one in world.hooks.all() if one.organization_id == organization_id]
    return listed([one.model_dump(mode="json", exclude={"secret", "password"}) for one in found])


@routes.post("/api/organizations/{id}/webhooks")
async def add_hook(request: web.Request) -> web.Response:
    """Configures one and pings it."""
    values = (await body(request, NewHook)).model_dump() | {"organization_id": number(request)}
    return _shown(await hooks.configure(request.app[SIMULATOR], None, values), 201)


@routes.patch("/api/webhooks/{id}")
async def change_hook(request: web.Request) -> web.Response:
    """Changes it and pings it again."""
    changes = (await body(request, HookChange)).given()
    return _shown(await hooks.configure(request.app[SIMULATOR], number(request), changes))


@routes.delete("/api/webhooks/{id}")
async def remove_hook(request: web.Request) -> web.Response:
    """Removes it with its deliveries."""
    hooks.remove(request.app[SIMULATOR].world, number(request))
    return shown({"ok": True})


@routes.get("/api/webhooks/{id}/deliveries")
async def list_deliveries(request: web.Request) -> web.Response:
    """Its deliveries, oldest first."""
    world = request.app[SIMULATOR].world
    return listed(list(hooks.deliveries_of(world, world.hooks.get(number(request)).id)))
