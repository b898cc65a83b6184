"""Faults to inject into the simulator's own calls and into its answers."""

from __future__ import annotations

from aiohttp import web
from pydantic import Field

from greenroom_sandbox import faults
from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, shown
from greenroom_sandbox.model.wire import FaultKind, Target, Variant

routes = web.RouteTableDef()


class NewFault(Body):
    """A fault to inject."""

    kind: FaultKind
    target: Target | None = None
    count: int | None = Field(None, ge=1)
    skip: int = Field(0, ge=0)
    probability: float = Field(1, gt=0, le=1)
    take_home_id: int | None = None
    seconds: float | None = Field(None, ge=0, le=3600)
    variant: Variant = "invalid_json"
    status: int = Field(500, ge=300, le=599)
    retry_after: int | None = Field(None, ge=0)


@routes.get("/api/faults")
async def list_faults(request: web.Request) -> web.Response:
    """Every fault with its hits."""
    return listed(request.app[SIMULATOR].world.faults.all())


@routes.post("/api/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Injects a fault."""
    given = await body(request, NewFault)
    return shown(faults.inject(request.app[SIMULATOR].world, **given.model_dump()), 201)


@routes.delete("/api/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Removes all."""
    faults.clear(request.app[SIMULATOR].world)
    return shown({"ok": True})


@routes.delete("/api/faults/{id}")
async def remove_fault(request: web.Request) -> web.Response:
    """Removes one."""
    world = request.app[SIMULATOR].world
    world.faults.remove(world.faults.get(number(request)).id)
    return shown({"ok": True})
