"""The calls for injected faults."""

from __future__ import annotations

from aiohttp import web

from greenroom_sandbox import faults
from greenroom_sandbox.http.reading import Body, get_number, read_body, respond, respond_list
from greenroom_sandbox.kernel import KERNEL
from greenroom_sandbox.model.wire import FaultSpec

routes = web.RouteTableDef()


class NewFault(Body, FaultSpec):
    """A fault to inject."""


@routes.get("/api/faults")
async def list_faults(request: web.Request) -> web.Response:
    """Lists the faults with their hits."""
    return respond_list(request.app[KERNEL].faults.all())


@routes.post("/api/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Injects a fault."""
    return respond(faults.inject(request.app[KERNEL], await read_body(request, NewFault)), 201)


@routes.delete("/api/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Removes every fault."""
    faults.clear(request.app[KERNEL])
    return respond({"ok": True})


@routes.delete("/api/faults/{id}")
async def remove_fault(request: web.Request) -> web.Response:
    """Removes a fault."""
    world = request.app[KERNEL]
    world.faults.remove(world.faults.get(get_number(request)).id)
    return respond({"ok": True})
