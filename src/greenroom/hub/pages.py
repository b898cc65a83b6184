"""The hub's pages: in a frame of the vendor's page, and behind a hosted link."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.errors import Gone, NotFound, Refused
from greenroom.hub import assets
from greenroom.hub.gate import is_own
from greenroom.model.hub import DEFAULT_ACCENT, HubSettings, is_origin_allowed
from greenroom.model.people import Client
from greenroom.services import connect_sessions, hub_settings, projects
from greenroom.static_files import IMMUTABLE

log = structlog.get_logger("greenroom.hub")

#: `{frames}` are the origins that may embed the page, `{images}` that of the vendor's logo
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:{images}; "
    "connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors {frames}"
)
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), "
    "clipboard-write=(self)",
    # a consent at the ATS happens in a window that this page opens
    "cross-origin-opener-policy": "same-origin-allow-popups",
}
LONGEST_ORIGIN = 300
Translate = Callable[..., Markup]


def routes() -> list[BaseRoute]:
    """Returns the routes of the embedded page and of hosted links."""
    return [
        Route("/hub/accent/{colour}.css", serve_accent, methods=["GET"]),
        Route("/hub/embed/{project}", _page(show_embedded), methods=["GET"]),
        Route("/link/{code}", _page(show_link), methods=["GET"]),
        Route("/link/{code}", _page(open_link), methods=["POST"]),
    ]


def _page(answer: Callable[[Request, Context], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        ctx: Context = request.app.state.ctx
        try:
            return await answer(request, ctx)
        except Refused as error:
            page = _message(request, "problem", status=error.status, text=error.message)
            if error.retry_after is not None:
                page.headers["retry-after"] = str(error.retry_after)
            return page
        except Exception:
            log.exception("hub_page_failed", page=answer.__name__, request_id=getattr(request.state, "request_id", ""))
            return _message(request, "problem", status=500)

    return endpoint


async def serve_accent(request: Request) -> Response:
    """Answers with the style sheet of a vendor's accent colour; the pages' policy permits no inline style."""
    colour = request.path_params["colour"]
    if not re.fullmatch(r"[0-9a-f]{6}", colour):
        return Response(status_code=404)
    headers = {"cache-control": IMMUTABLE}
    return Response(f":root {{ --accent: #{colour}; }}\n", media_type="text/css", headers=headers)


async def show_embedded(request: Request, ctx: Context) -> Response:
    """
    Shows the hub in a frame. `origin` in the query is that of the page around it, as `connect.js` reports it.

    The browser enforces the list (`frame-ancestors`). The parameter only decides between the hub and a page that names
    the origin to allow; that page has no function, so every site may embed it.
    """
    project_id, seen = request.path_params["project"], request.query_params.get("origin", "")[:LONGEST_ORIGIN]
    try:
        vendor = await projects.name_of(ctx, project_id)
    except NotFound:
        return _message(request, "invalid", status=404, origin=seen)
    settings = await hub_settings.get(ctx, project_id)
    vendor = settings.branding.product_name or vendor
    is_listed = is_own(ctx, request, seen) or is_origin_allowed(settings, seen, session_type="production")
    # sessions of the type `test` need no entry for localhost; the session's type is known once the token arrives
    is_local = not is_listed and is_origin_allowed(settings, seen, session_type="test")
    if seen and not is_listed and not is_local:
        await request.app.state.refused_origins.note(ctx, project_id, seen)
        return _message(request, "origin", vendor=vendor, status=403, origin=seen)
    frames = " ".join(["'self'", *settings.allowed_origins, *([seen] if is_local else [])])
    return _hub(request, settings, vendor, frames=frames, origin=seen, is_unlisted=is_local)


async def show_link(request: Request, ctx: Context) -> Response:
    """Shows the purpose of a hosted link. Changes nothing: mail scanners open links, too."""
    try:
        session, vendor = await connect_sessions.describe_link(
            ctx, request.path_params["code"], source=_source(request)
        )
    except (Gone, NotFound) as error:
        return _dead_link(request, error)
    t, language = translate(request, vendor=vendor)
    name = discover()[session.provider].manifest.name if session.provider else None
    title = t("link_title", name=name) if name else t("link_title_any")
    look = (await hub_settings.get(ctx, session.project_id)).branding
    values: dict[str, Any] = {
        "title": title, "vendor": vendor, "name": name, "owner": session.origin_owner_name,
        "date": _date(session.expires_at), "is_linked": session.linked_at is not None, "logo_url": look.logo_url,
        "accent": look.accent or DEFAULT_ACCENT,
    }  # fmt: skip
    return _render("link.html", t, language, headers=_headers("'none'", look.logo_url, forms="'self'"), **values)


async def open_link(request: Request, ctx: Context) -> Response:
    """Shows the hub with a new token for it, which is in this answer alone; the link stays valid."""
    try:
        session, token = await connect_sessions.exchange_link(ctx, request.path_params["code"], source=_source(request))
    except (Gone, NotFound) as error:
        return _dead_link(request, error)
    settings = await hub_settings.get(ctx, session.project_id)
    vendor = settings.branding.product_name or await projects.name_of(ctx, session.project_id)
    return _hub(request, settings, vendor, frames="'none'", token=token)


def _hub(
    request: Request,
    settings: HubSettings,
    vendor: str,
    *,
    frames: str,
    origin: str = "",
    is_unlisted: bool = False,
    token: str | None = None,
) -> Response:
    t, language = translate(request, vendor=vendor)
    look = settings.branding
    return _render(
        "hub.html",
        t,
        language,
        headers=_headers(frames, look.logo_url),
        vendor=vendor,
        accent=look.accent or DEFAULT_ACCENT,
        logo_url=look.logo_url,
        languages=" ".join(assets.load_texts()),
        origin=origin,
        is_unlisted=is_unlisted,
        token=token,
    )


def _source(request: Request) -> str:
    return Client(request.client.host if request.client else None, None).source


def _dead_link(request: Request, error: Gone | NotFound) -> Response:
    kinds = {"ConnectSessionUsed": "link_used", "ConnectSessionClosed": "link_closed"}
    kind = "link_unknown" if isinstance(error, NotFound) else kinds.get(error.code or "", "link_expired")
    return _message(request, kind, status=error.status)


def _message(
    request: Request, kind: str, *, status: int, vendor: str = "", origin: str = "", text: str | None = None
) -> Response:
    """Returns a page that says why the hub is not shown."""
    t, language = translate(request, vendor=vendor, origin=_readable(origin))
    prefix = "over_invalid" if kind == "invalid" else kind
    return _render(
        "message.html",
        t,
        language,
        status=status,
        headers=_headers("*" if origin else "'none'"),
        vendor=vendor,
        title=t(f"{prefix}_title"),
        text=text or t(f"{prefix}_text"),
        hint=t("origin_fix") if kind == "origin" else None,
        symbol="clock" if kind == "link_expired" else "circle-check" if kind == "link_used" else "circle-alert",
        tone="" if kind == "link_used" else "bad" if kind == "origin" else "wait",
        origin=origin,
        accent=DEFAULT_ACCENT,
        reason="origin_not_allowed" if kind == "origin" else kind,
    )


def _headers(frames: str, logo_url: str | None = None, *, forms: str = "'none'") -> dict[str, str]:
    parts = urlsplit(logo_url or "")
    images = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    policy = POLICY.format(frames=frames, images=images, forms=forms)
    return {**HEADERS, "content-security-policy": policy}


def _readable(origin: str) -> str:
    return re.sub(r"[^!-~]", "?", origin)


def _date(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def translate(request: Request, **common: str) -> tuple[Translate, str]:
    """Returns a function for texts in the language that the browser prefers, and that language."""
    catalogue = assets.load_texts()
    preferred = re.findall(r"(?:^|,)\s*([A-Za-z]{2})", request.headers.get("accept-language", "")[:200])
    language = next((one.lower() for one in preferred if one.lower() in catalogue), "en")

    def t(key: str, **values: str | None) -> Markup:
        return Markup(catalogue[language][key]).format(**{**common, **values})  # noqa: S704 - the catalogue is ours

    return t, language


@cache
def _templates() -> Environment:
    found = Environment(
        loader=PackageLoader("greenroom.hub"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    found.globals.update(asset=assets.load().url, icon=_icon)
    return found


def _icon(name: str) -> Markup:
    return Markup('<svg class="icon" aria-hidden="true"><use href="{}#i-{}"/></svg>').format(
        assets.load().url("icons.svg"), name
    )


def _render(
    template: str, t: Translate, language: str, *, headers: dict[str, str], status: int = 200, **values: Any
) -> Response:
    content = _templates().get_template(template).render(t=t, language=language, **values)
    return HTMLResponse(content, status_code=status, headers=headers)
