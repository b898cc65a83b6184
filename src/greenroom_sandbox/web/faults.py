"""The page of injected faults."""

from __future__ import annotations

from typing import get_args

from aiohttp import web
from pydantic import ValidationError

from greenroom_sandbox import faults
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.web.pages import get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import get_number, redirect
from greenroom_sandbox.model.wire import FaultKind, FaultSpec, Target, Variant

routes = web.RouteTableDef()


@routes.get("/faults")
@page
async def show_faults(request: web.Request) -> web.StreamResponse:
    """Lists the faults and shows the form for a new one."""
    return _faults(request, forms.query(request), None)


@routes.post("/faults")
@page
async def add_fault(request: web.Request) -> web.StreamResponse:
    """Injects a fault."""
    given = await forms.read(request)
    try:
        faults.inject(get_world(request), _parse_spec(given))
    except Refused as error:
        return _faults(request, given, error)
    return redirect("/faults", "fault-added")


@routes.post("/faults/clear")
@page
async def clear(request: web.Request) -> web.StreamResponse:
    """Removes every fault."""
    faults.clear(get_world(request))
    return redirect("/faults", "faults-cleared")


@routes.post("/faults/{id}/remove")
@page
async def remove(request: web.Request) -> web.StreamResponse:
    """Removes one fault."""
    world = get_world(request)
    world.faults.remove(world.faults.get(get_number(request)).id)
    return redirect("/faults", "fault-removed")


def _parse_spec(given: forms.Form) -> FaultSpec:
    values = {name: given.optional(name) for name in FaultSpec.model_fields}
    try:
        return FaultSpec.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        message = "is required" if fault["type"] == "missing" else fault["msg"]
        raise Refused(f"{message[:1].lower()}{message[1:]}", str(fault["loc"][0])) from None


def _faults(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    words = {name: get_args(kind) for name, kind in (("kind", FaultKind), ("target", Target), ("variant", Variant))}
    choices = {name: [(word, word.replace("_", " ")) for word in known] for name, known in words.items()}
    rows, status = get_world(request).faults.all(), error.status if error else 200
    return render(request, "faults.html", status, rows=rows, choices=choices, given=given, error=error)
