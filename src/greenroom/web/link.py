"""The hosted link: a customer's administrator links their ATS on a page of ours, without the vendor's front end."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.errors import Refused
from greenroom.services import connect_sessions, projects
from greenroom.web.pages import message, page, refused, shown


def routes() -> list[BaseRoute]:
    """The page, and its one button."""
    return [
        Route("/link/{code}", page(ask), methods=["GET"]),
        Route("/link/{code}", page(link), methods=["POST"]),
    ]


async def ask(request: Request, ctx: Context) -> Response:
    """What is about to happen. Shows no token and changes nothing: mail scanners open links, too."""
    try:
        session, _ = await connect_sessions.by_link(ctx, request.path_params["code"])
    except Refused as error:
        return refused("Link your account", error)
    vendor = await projects.name_of(ctx, session.project_id)
    if session.provider is None:
        return message(409, "Link your account", f"{vendor} has not enabled any integration yet. Ask them to.")
    manifest = discover()[session.provider].manifest
    return shown("link.html", signed_in=False, session=session, vendor=vendor, name=manifest.name, steps=(), token=None)


async def link(request: Request, ctx: Context) -> Response:
    """Links the account, and shows its token with what to do next; again for who comes back."""
    code = request.path_params["code"]
    try:
        session, _ = await connect_sessions.finish(ctx, code)
        _, token = await connect_sessions.by_link(ctx, code)
    except Refused as error:
        return refused("Link your account", error)
    manifest = discover()[str(session.provider)].manifest
    return shown(
        "link.html",
        signed_in=False,
        session=session,
        vendor=await projects.name_of(ctx, session.project_id),
        name=manifest.name,
        steps=manifest.link_steps,
        token=token,
    )
