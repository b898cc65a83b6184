"""The frame of every page: templates, headers, navigation, redirects and the stylesheet."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from greenroom_sandbox.errors import NotFound, SandboxError

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
#: labels of fields whose label differs from their name
LABELS = {
    "copy_of": "Stage to copy",
    "email": "E-mail",
    "grader_ids": "Graders",
    "into": "Merge into",
    "key": "API key",
    "place": "Job and initial stage",
    "send_at": "Time",
    "test_id": "Test",
    **{f"{call}_url": call for call in ("list_tests", "send_test", "test_status", "response_error")},
}
#: rows of a list; a longer one says how many more there are
MOST_ROWS = 200
STATIC = {"sandbox.css": "text/css", "icon.svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
routes = web.RouteTableDef()

#: the package with the templates that both ATSs share
SHARED = PackageLoader("greenroom_sandbox.web")
templates = Environment(
    loader=SHARED,
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_sentence(error: SandboxError) -> str:
    """Returns an error as a full sentence that starts with the field's label."""
    said = f"{get_label(error.field)} {error.message}" if error.field else error.message
    return f"{said[:1].upper()}{said[1:]}."


def mark_navigation(
    request: web.Request, entries: list[tuple[str, str, tuple[str, ...]]]
) -> list[tuple[str, str, bool]]:
    """Returns title, path and whether the entry is the present one, for each entry of a navigation."""
    return [
        (words, path, any(_under(place, request.path) for place in (path, *others))) for words, path, others in entries
    ]


def respond_page(content: str, status: int) -> web.Response:
    """Returns the response of a rendered page."""
    return web.Response(text=content, status=status, content_type="text/html", headers=HEADERS)


def get_number(request: web.Request, name: str = "id") -> int:
    """Returns a number of the path. Raises: `NotFound`."""
    text = request.match_info[name]
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound("there is nothing at this path")
    return int(text)


def redirect(path: str, said: str | None = None, anchor: str = "", **query: Any) -> web.Response:
    """Redirects to a page after a form.

    ``said`` is a key of `texts.SAID`, ``anchor`` the id of the element to scroll to.
    """
    given = {name: value for name, value in ({"said": said} | query).items() if value is not None}
    mark = "&" if "?" in path else "?"
    target = f"{path}{mark if given else ''}{urlencode(given)}{'#' if anchor else ''}{anchor}"
    return web.Response(status=303, headers={**HEADERS, "location": target})


def get_label(field: str) -> str:
    """Returns the label of a field."""
    return LABELS.get(field) or field.replace("_", " ").capitalize()


def _under(path: str, where: str) -> bool:
    return where == path or where.startswith(f"{path}/")


def parse_time(at: datetime | str) -> datetime:
    """Returns a time that may be in ISO 8601."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _format_duration(since: datetime | str, now: datetime) -> str:
    days = (now - parse_time(since)).days
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"


templates.filters["when"] = lambda at: f"{parse_time(at):%Y-%m-%d %H:%M:%S} UTC"
templates.filters["iso"] = lambda at: parse_time(at).isoformat()
templates.filters["how_long"] = _format_duration
templates.filters["label"] = get_label
templates.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.StreamResponse:
    """Serves the stylesheet and the icon."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise NotFound("there is nothing at this path")
    body = resources.files("greenroom_sandbox.web").joinpath("static", name).read_bytes()
    headers = {"cache-control": "max-age=300", "x-content-type-options": "nosniff"}
    return web.Response(body=body, content_type=STATIC[name], charset="utf-8", headers=headers)
