"""Signing in and out, and the theme."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.context import Context
from greenroom.errors import Unauthorized
from greenroom.services import sessions
from greenroom.web import kit
from greenroom.web.access import NEXT, SESSION, Visit

THEME_LIVES_S = 365 * 24 * 3600


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        Route("/sign-in", kit.public(ask_to_sign_in), methods=["GET"]),
        Route("/sign-in/{code}", kit.public(sign_in), methods=["GET"]),
        kit.route("/sign-out", sign_out, methods=("POST",)),
        kit.route("/theme", set_theme, methods=("POST",)),
    ]


async def ask_to_sign_in(request: Request, _: Context) -> Response:
    """Shows how to sign in."""
    return kit.render(request, "sign_in/ask.html", 401, refused=None)


async def sign_in(request: Request, ctx: Context) -> Response:
    """Uses up a sign-in link, and opens a session."""
    try:
        token = await sessions.sign_in(ctx, request.path_params["code"])
    except Unauthorized as error:
        return kit.render(request, "sign_in/ask.html", 401, headers=kit.SECRET_ADDRESS, refused=error.message)
    response = RedirectResponse(local_path(request.cookies.get(NEXT)), status_code=303, headers=kit.SECRET_ADDRESS)
    response.delete_cookie(NEXT)
    response.set_cookie(
        SESSION,
        token,
        max_age=int(sessions.SESSION_LIVES.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=ctx.settings.is_https,
    )
    return response


async def sign_out(visit: Visit) -> Response:
    """Ends the session."""
    await sessions.sign_out(visit.ctx, visit.person.session)
    response = RedirectResponse("/sign-in", status_code=303, headers=kit.HEADERS)
    response.delete_cookie(SESSION)
    return response


async def set_theme(visit: Visit) -> Response:
    """Keeps the chosen theme in a cookie."""
    theme = "".join(visit.form.get("theme", []))
    response = RedirectResponse(local_path("".join(visit.form.get("back", []))), status_code=303, headers=kit.HEADERS)
    if theme in kit.THEMES:
        response.set_cookie(kit.THEME, theme, max_age=THEME_LIVES_S, httponly=True, samesite="lax")
    return response


def local_path(asked: str | None) -> str:
    """Returns a path on this gateway as it was asked for, else `/`; never another host's address."""
    path = unquote(asked or "/")
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"
