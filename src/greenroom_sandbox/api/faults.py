"""Faults to inject into the simulator's own calls and into its answers."""

from __future__ import annotations

from aiohttp import web

from greenroom_sandbox import faults
from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, shown
from greenroom_sandbox.model.wire import FaultWish

routes = web.RouteTableDef()


class NewFault(Body, FaultWish):
    """A fault to inject."""


@routes.get("/api/faults")
async def list_faults(request: web.Request) -> web.Response:
    """Every fault with its hits."""
    return listed(request.app[SIMULATOR].world.faults.all())


@routes.post("/api/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Injects a fault."""
    return shown(faults.inject(request.app[SIMULATOR].world, await body(request, NewFault)), 201)


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
