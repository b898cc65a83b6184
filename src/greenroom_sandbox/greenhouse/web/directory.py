"""The pages of the integrations directory."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.services import desk
from greenroom_sandbox.greenhouse.web.pages import get_visitor, get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import get_number

routes = web.RouteTableDef()


@routes.get("/integrations")
@page
async def directory(request: web.Request) -> web.StreamResponse:
    """Lists the published integrations, by category and a part of the name."""
    who, given = get_visitor(request), forms.query(request)
    search, category = given.text("search"), given.text("category")
    listings = desk.directory(get_world(request), search, category or None, who.organization.id)
    categories = list(texts.CATEGORIES.items())
    values: dict[str, Any] = {"listings": listings, "search": search, "category": category, "categories": categories}
    return render(request, "directory.html", who=who, **values)


@routes.get("/integrations/{id}")
@page
async def listing(request: web.Request) -> web.StreamResponse:
    """Shows one published integration."""
    who = get_visitor(request)
    found = desk.listing(get_world(request), get_number(request), who.organization.id)
    return render(request, "listing.html", who=who, listing=found)
