"""Signing in and out, and the theme."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.context import Context
from greenroom.errors import Refused, Unauthorized
from greenroom.services import sessions
from greenroom.services import sign_in as sign_in_service
from greenroom.web import access, kit
from greenroom.web.access import NEXT, SESSION, Visit
from greenroom.web.forms import Form

THEME_LIVES_S = 365 * 24 * 3600
#: the token of a sign-in that waits for its code
SECOND_FACTOR = "greenroom_second_factor"


def routes() -> list[BaseRoute]:
    """Returns the routes of these pages."""
    return [
        Route("/sign-in", kit.public(ask_to_sign_in), methods=["GET"]),
        Route("/sign-in", kit.public(check_password), methods=["POST"]),
        Route("/sign-in/code", kit.public(ask_for_code), methods=["GET"]),
        Route("/sign-in/code", kit.public(check_code), methods=["POST"]),
        Route("/sign-in/{code}", kit.public(show_link), methods=["GET"]),
        Route("/sign-in/{code}", kit.public(sign_in), methods=["POST"]),
        kit.route("/sign-out", sign_out, methods=("POST",)),
        kit.route("/theme", set_theme, methods=("POST",)),
    ]


async def ask_to_sign_in(request: Request, ctx: Context) -> Response:
    """Shows the form; leads somebody who is signed in to their page."""
    if await access.find_person(ctx, request) is not None:
        return RedirectResponse("/", status_code=303, headers=kit.HEADERS)
    return kit.render_public_form(request, "sign_in/ask.html", form=Form(), refused=None)


async def check_password(request: Request, ctx: Context) -> Response:
    """Opens a session, or asks for a code where the user has two-factor sign-in."""
    form = Form.submitted(await access.read_public_form(ctx, request))
    password = str(form.values.get("password", ""))
    try:
        signed_in = await sign_in_service.with_password(ctx, form.get("email"), password, access.find_client(request))
    except Refused as error:
        return _ask_again(request, "sign_in/ask.html", form, error)
    if not signed_in.needs_code:
        return open_session(ctx, request, signed_in.token)
    response = RedirectResponse("/sign-in/code", status_code=303, headers=kit.HEADERS)
    _set_cookie(ctx, response, SECOND_FACTOR, signed_in.token, sign_in_service.CODE_LIVES)
    return response


async def ask_for_code(request: Request, _: Context) -> Response:
    """Asks for the code of the authenticator app."""
    if SECOND_FACTOR not in request.cookies:
        return RedirectResponse("/sign-in", status_code=303, headers=kit.HEADERS)
    return kit.render_public_form(request, "sign_in/code.html", form=Form(), refused=None)


async def check_code(request: Request, ctx: Context) -> Response:
    """Opens a session with the code."""
    form = Form.submitted(await access.read_public_form(ctx, request))
    token = request.cookies.get(SECOND_FACTOR, "")
    try:
        signed_in = await sign_in_service.with_code(ctx, token, form.get("code"), access.find_client(request))
    except Refused as error:
        is_over = error.code == "SignInExpired"
        response = _ask_again(request, "sign_in/ask.html" if is_over else "sign_in/code.html", form, error)
        if is_over:
            response.delete_cookie(SECOND_FACTOR)
        return response
    response = open_session(ctx, request, signed_in.token)
    response.delete_cookie(SECOND_FACTOR)
    return response


def _ask_again(request: Request, template: str, form: Form, error: Refused) -> Response:
    response = kit.render_public_form(request, template, error.status, form=form, refused=error.message)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def open_session(
    ctx: Context, request: Request, token: str, path: str | None = None, headers: dict[str, str] = kit.HEADERS
) -> Response:
    """Redirects with the cookie of a new session to a path, by default to the page that was asked for."""
    path = path or local_path(request.cookies.get(NEXT))
    response = RedirectResponse(path, status_code=303, headers=headers)
    response.delete_cookie(NEXT)
    _set_cookie(ctx, response, SESSION, token, sessions.SESSION_LIVES)
    return response


def _set_cookie(ctx: Context, response: Response, name: str, value: str, lives: timedelta) -> None:
    max_age, secure = int(lives.total_seconds()), ctx.settings.is_https
    response.set_cookie(name, value, max_age=max_age, httponly=True, samesite="lax", secure=secure)


async def show_link(request: Request, ctx: Context) -> Response:
    """Asks whether to use a sign-in link: previews and mail scanners open it, too, and must not use it up."""
    try:
        await sessions.check_link(ctx, request.path_params["code"])
    except Unauthorized as error:
        return _link_refused(request, error)
    return kit.render_public_form(request, "sign_in/link.html", headers=kit.SECRET_ADDRESS)


def _link_refused(request: Request, error: Unauthorized) -> Response:
    return kit.render_public_form(
        request, "sign_in/ask.html", 401, headers=kit.SECRET_ADDRESS, form=Form(), refused=error.message
    )


async def sign_in(request: Request, ctx: Context) -> Response:
    """Uses up a sign-in link, and opens a session."""
    await access.read_public_form(ctx, request, without_referrer=True)
    try:
        token = await sessions.sign_in(ctx, request.path_params["code"], access.find_client(request))
    except Unauthorized as error:
        return _link_refused(request, error)
    return open_session(ctx, request, token, headers=kit.SECRET_ADDRESS)


async def sign_out(visit: Visit) -> Response:
    """Ends the session."""
    await sessions.sign_out(visit.ctx, visit.person.session, access.find_client(visit.request))
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
