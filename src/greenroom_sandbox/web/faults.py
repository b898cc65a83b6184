"""Faults: what is to go wrong, and what has."""

from __future__ import annotations

from typing import get_args

from aiohttp import web
from pydantic import ValidationError

from greenroom_sandbox import faults
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import FaultKind, FaultWish, Target, Variant
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import number, page, see, shown, world_of

routes = web.RouteTableDef()


@routes.get("/faults")
@page
async def show_faults(request: web.Request) -> web.StreamResponse:
    """Every fault, and a form for another."""
    return _faults(request, forms.query(request), None)


@routes.post("/faults")
@page
async def add_fault(request: web.Request) -> web.StreamResponse:
    """Injects one."""
    given = await forms.read(request)
    try:
        faults.inject(world_of(request), _wish(given))
    except Refused as error:
        return _faults(request, given, error)
    return see("/faults", "fault-added")


@routes.post("/faults/clear")
@page
async def clear(request: web.Request) -> web.StreamResponse:
    """Removes all."""
    faults.clear(world_of(request))
    return see("/faults", "faults-cleared")


@routes.post("/faults/{id}/remove")
@page
async def remove(request: web.Request) -> web.StreamResponse:
    """Removes one."""
    world = world_of(request)
    world.faults.remove(world.faults.get(number(request)).id)
    return see("/faults", "fault-removed")


def _wish(given: forms.Form) -> FaultWish:
    values = {name: given.optional(name) for name in FaultWish.model_fields}
    try:
        return FaultWish.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        message = "is required" if fault["type"] == "missing" else fault["msg"]
        raise Refused(f"{message[:1].lower()}{message[1:]}", str(fault["loc"][0])) from None


def _faults(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    words = {name: get_args(kind) for name, kind in (("kind", FaultKind), ("target", Target), ("variant", Variant))}
    choices = {name: [(word, word.replace("_", " ")) for word in known] for name, known in words.items()}
    rows, status = world_of(request).faults.all(), error.status if error else 200
    return shown(request, "faults.html", status, rows=rows, choices=choices, given=given, error=error)
