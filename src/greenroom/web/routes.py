"""Every page of the dashboard: the routes of all nouns, in the order in which they are matched."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from greenroom.context import Context
from greenroom.errors import NotFound
from greenroom.web import (
    access,
    accounts,
    alerts,
    api_keys,
    assets,
    auth_links,
    consent,
    deliveries,
    development,
    findings,
    home,
    hub,
    integrations,
    invitations,
    kit,
    logs,
    me,
    order,
    orders,
    replays,
    search,
    settings,
    setup,
    sign_in,
    webhooks,
)
from greenroom.web.docs import pages as docs

NOUNS = (
    home,
    setup,
    orders,
    order,
    auth_links,
    accounts,
    logs,
    findings,
    integrations,
    webhooks,
    deliveries,
    replays,
    api_keys,
    hub,
    settings,
    alerts,
    search,
    sign_in,
    invitations,
    me,
    consent,
    development,
    docs,
)


class BrowserRoute(Route):
    """Matches only a browser that opens a page; other clients get the API's answer to an unknown path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Returns a match for a GET request that prefers HTML."""
        accepted = dict(scope["headers"]).get(b"accept", b"") if scope["type"] == "http" else b""
        if b"text/html" not in accepted or scope["method"] != "GET":
            return Match.NONE, {}
        return super().matches(scope)


async def show_unknown(request: Request, ctx: Context) -> Response:
    """Shows that nothing is at a path, within the dashboard for somebody who is signed in."""
    request.state.visit = await access.open_visit(ctx, request)
    raise NotFound(f"No page has the path {request.url.path[:200]}. Check the address, or search for an id.")


def build_routes() -> list[BaseRoute]:
    """Returns the routes of every page and static file."""
    found: list[BaseRoute] = [Route("/static/{version}/{path:path}", assets.serve)]
    for noun in NOUNS:
        found += noun.routes()
    return [*found, BrowserRoute("/{path:path}", kit.public(show_unknown), methods=["GET"])]
