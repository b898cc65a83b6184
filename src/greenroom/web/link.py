"""The hosted link: a customer's administrator links their ATS on a page of ours, without the vendor's front end."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.errors import Conflict, Refused
from greenroom.services import connect_sessions, projects
from greenroom.web import access, kit

TITLE = "Link your account"


def routes() -> list[BaseRoute]:
    """Returns the routes of the page and of its one button."""
    return [
        Route("/link/{code}", kit.public(ask), methods=["GET"]),
        Route("/link/{code}", kit.public(link), methods=["POST"]),
    ]


async def ask(request: Request, ctx: Context) -> Response:
    """Shows what is about to happen. Shows no token and changes nothing: mail scanners open links, too."""
    try:
        session, _ = await connect_sessions.by_link(ctx, request.path_params["code"])
    except Refused as error:
        return kit.refused(request, error, title=TITLE)
    vendor = await projects.name_of(ctx, session.project_id)
    if session.provider is None:
        return kit.refused(
            request, Conflict(f"{vendor} has not enabled any integration yet. Ask them to."), title=TITLE
        )
    manifest = discover()[session.provider].manifest
    return _render(request, session=session, vendor=vendor, name=manifest.name, steps=(), token=None)


async def link(request: Request, ctx: Context) -> Response:
    """Links the account, and shows its token with the next steps; again on a repeat."""
    access.refuse_foreign_origin(ctx, request, without_referrer=True)
    code = request.path_params["code"]
    try:
        session, _ = await connect_sessions.finish(ctx, code)
        _, token = await connect_sessions.by_link(ctx, code)
    except Refused as error:
        return kit.refused(request, error, title=TITLE)
    manifest = discover()[str(session.provider)].manifest
    vendor = await projects.name_of(ctx, session.project_id)
    return _render(request, session=session, vendor=vendor, name=manifest.name, steps=manifest.link_steps, token=token)


def _render(request: Request, **values: Any) -> Response:
    return kit.render(request, "link/link.html", headers=kit.SECRET_ADDRESS, **values)
