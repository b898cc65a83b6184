"""The routes of the documentation; open to everybody, and without a query of the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.web import kit

if TYPE_CHECKING:
    from greenroom.web.docs.site import Site

LONGEST_QUERY = 100


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        Route("/docs", kit.public(show), methods=["GET"]),
        Route("/docs/search", kit.public(search), methods=["GET"]),
        Route("/docs/llms.txt", kit.public(list_for_models), methods=["GET"]),
        Route("/docs/{path:path}", kit.public(show), methods=["GET"]),
    ]


def load_site(app: FastAPI) -> Site:
    """Returns the site of an application."""
    from greenroom.web.docs import site  # a start needs neither the Markdown parser nor the highlighter

    actions = kit.templates.get_template("components/actions.html").module
    return site.load(app.openapi(), lambda code_id: str(actions.copy("code", source=code_id)))  # type: ignore[attr-defined]


async def open_site(request: Request) -> Site:
    """Returns the site, which the first request builds."""
    state = request.app.state
    if not hasattr(state, "docs"):
        state.docs = await asyncio.to_thread(load_site, request.app)
    found: Site = state.docs
    return found


async def show(request: Request, _: Context) -> Response:
    """Shows a page, its Markdown, or a file that a page shows."""
    site = await open_site(request)
    path = request.path_params.get("path", "")
    if path in site.files:
        media_type = site.media_type(path)
        return Response(site.files[path], media_type=media_type, headers={"cache-control": "no-cache"})
    for page in site.pages.values():
        if request.url.path == page.twin:
            return PlainTextResponse(page.source, media_type="text/markdown; charset=utf-8")
        if request.url.path.rstrip("/") == page.address:
            return kit.render(request, "docs/page.html", page=page, site=site, is_static=False)
    raise NotFound(f"The docs have no page {request.url.path[:200]}. Search them at /docs/search.")


async def search(request: Request, _: Context) -> Response:
    """Shows the sections that have the words of the query."""
    site = await open_site(request)
    query = request.query_params.get("q", "")[:LONGEST_QUERY]
    return kit.render(request, "docs/search.html", site=site, query=query, found=site.search(query), is_static=False)


async def list_for_models(request: Request, context: Context) -> Response:
    """Answers with the list of all pages for language models, in the format llms.txt."""
    site = await open_site(request)
    return PlainTextResponse(site.list_for_models(context.settings.public_url))
