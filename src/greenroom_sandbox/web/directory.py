"""The integrations directory, as a customer browses it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox import texts
from greenroom_sandbox.services import desk
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import number, page, shown, visitor, world_of

routes = web.RouteTableDef()


@routes.get("/integrations")
@page
async def directory(request: web.Request) -> web.StreamResponse:
    """The published listings, by category and a part of the name."""
    who, given = visitor(request), forms.query(request)
    search, category = given.text("search"), given.text("category")
    listings = desk.directory(world_of(request), search, category or None, who.organization.id)
    categories = list(texts.CATEGORIES.items())
    values: dict[str, Any] = {"listings": listings, "search": search, "category": category, "categories": categories}
    return shown(request, "directory.html", who=who, **values)


@routes.get("/integrations/{id}")
@page
async def listing(request: web.Request) -> web.StreamResponse:
    """One of them."""
    who = visitor(request)
    found = desk.listing(world_of(request), number(request), who.organization.id)
    return shown(request, "listing.html", who=who, listing=found)
