"""Sign-in, Home, Orders and each order's flight recorder."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import quote, unquote

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.context import Context
from greenroom.errors import BadRequest, NotFound, Refused, SecretUnreadable, Unauthorized, Unavailable
from greenroom.model.orders import Order
from greenroom.model.projects import Project
from greenroom.security.headers import PAGE_POLICY
from greenroom.security.vault import VaultError
from greenroom.services import orders, projects, sessions, timelines

log = structlog.get_logger("greenroom.web")

COOKIE = "greenroom_session"
#: the page that somebody asked for before signing in
NEXT = "greenroom_next"
NEXT_LIVES_S = 3600
PAGE = 50
HEADERS = {"content-security-policy": PAGE_POLICY}

_templates = Environment(
    loader=PackageLoader("greenroom.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["when"] = lambda at: f"{at:%Y-%m-%d %H:%M:%S} UTC" if isinstance(at, datetime) else "–"
_templates.filters["day"] = lambda at: f"{at:%Y-%m-%d}"
_templates.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)

Page = Callable[[Request, Context], Awaitable[Response]]


def routes() -> list[BaseRoute]:
    """Every page, by its stable path."""
    return [
        Route("/", _for_owner(home)),
        Route("/orders", _for_owner(list_orders)),
        Route("/orders/{order_id}", _for_owner(show_order)),
        Route("/sign-in", page(ask_to_sign_in)),
        Route("/sign-in/{code}", page(sign_in), methods=["GET"]),
        Route("/sign-out", page(sign_out), methods=["POST"]),
        Route("/static/greenroom.css", stylesheet),
    ]


async def home(_: Request, ctx: Context) -> Response:
    """Each project with its latest orders."""
    found = []
    for project in await projects.list_projects(ctx):
        found.append((project, await orders.list_orders(ctx, project.id, {}, limit=5)))
    return shown("home.html", projects=found)


async def list_orders(_: Request, ctx: Context) -> Response:
    """The latest orders of every project."""
    found: list[tuple[Project, Order]] = []
    for project in await projects.list_projects(ctx):
        found += [(project, order) for order in await orders.list_orders(ctx, project.id, {}, limit=PAGE)]
    found.sort(key=lambda pair: pair[1].id, reverse=True)
    return shown("orders.html", orders=found[:PAGE])


async def show_order(request: Request, ctx: Context) -> Response:
    """One order: where it stands, and everything that happened to it."""
    order_id = request.path_params["order_id"]
    for project in await projects.list_projects(ctx):
        try:
            order = await orders.get(ctx, project.id, order_id)
        except NotFound:
            continue
        after = request.query_params.get("after")
        try:
            entries = await timelines.list_entries(ctx, project.id, order_id, after=after, limit=PAGE + 1)
        except BadRequest as error:
            return refused("No such page", error)
        following = entries[PAGE - 1].position if len(entries) > PAGE else None
        return shown(
            "order.html", project=project, order=order, entries=entries[:PAGE], after=after, following=following
        )
    return shown("message.html", 404, title="No such order", text=f"There is no order {order_id[:80]} here.")


async def ask_to_sign_in(_: Request, __: Context) -> Response:
    """How to get in."""
    return message(
        401,
        "Sign in",
        "Run `greenroom sign-in-link` where the gateway runs. It prints a link that signs you in, once.",
    )


async def sign_in(request: Request, ctx: Context) -> Response:
    """Uses up the link, and opens a session."""
    try:
        token = await sessions.sign_in(ctx, request.path_params["code"])
    except Unauthorized as error:
        return message(401, "Sign in", error.message)
    response = RedirectResponse(_local_path(request.cookies.get(NEXT)), status_code=303, headers=HEADERS)
    response.delete_cookie(NEXT)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(sessions.SESSION_LIVES.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=ctx.settings.is_https,
    )
    return response


async def sign_out(request: Request, ctx: Context) -> Response:
    """Ends the session."""
    await sessions.sign_out(ctx, request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/sign-in", status_code=303, headers=HEADERS)
    response.delete_cookie(COOKIE)
    return response


async def stylesheet(_: Request) -> Response:
    """The one stylesheet."""
    css = resources.files("greenroom.web").joinpath("static", "greenroom.css").read_text(encoding="utf-8")
    return Response(css, media_type="text/css", headers={"cache-control": "max-age=3600"})


def page(answer: Page) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that hands the gateway's context to a page."""

    async def endpoint(request: Request) -> Response:
        if request.method == "HEAD":  # a link preview must not use up a link
            return Response(headers=HEADERS)
        try:
            return await answer(request, request.app.state.ctx)
        except Unavailable as error:
            return refused("Not now", error)
        except VaultError as error:
            log.error("secret_unreadable", page=answer.__name__, cause=str(error))  # its path may have a link's code
            return refused("Not now", SecretUnreadable())

    return endpoint


def message(status: int, title: str, text: str) -> Response:
    """A page that says one thing to somebody who need not be signed in."""
    return shown("message.html", status, signed_in=False, title=title, text=text)


def refused(title: str, error: Refused) -> Response:
    """A refusal as a page."""
    response = message(error.status, title, error.message)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def _for_owner(answer: Page) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request, ctx: Context) -> Response:
        if await sessions.is_signed_in(ctx, request.cookies.get(COOKIE)):
            return await answer(request, ctx)
        response = RedirectResponse("/sign-in", status_code=303, headers=HEADERS)
        if request.method == "GET":
            asked = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
            response.set_cookie(NEXT, asked[:2048], max_age=NEXT_LIVES_S, httponly=True, samesite="lax")
        return response

    return page(guarded)


def _local_path(asked: str | None) -> str:
    """Returns the path on this gateway that a cookie remembers, else Home; never another host's address."""
    path = unquote(asked or "/")
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else "/"


def shown(template: str, status: int = 200, *, signed_in: bool = True, **values: Any) -> Response:
    """A rendered page; `signed_in` puts the dashboard's navigation on it."""
    content = _templates.get_template(template).render(signed_in=signed_in, now=datetime.now(UTC), **values)
    return HTMLResponse(content, status_code=status, headers=HEADERS)
