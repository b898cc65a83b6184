"""The frame of every page: navigation, headers, errors and the chosen user."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from greenroom_sandbox import texts
from greenroom_sandbox.errors import NotFound, SandboxError
from greenroom_sandbox.model.hiring import Organization, User
from greenroom_sandbox.simulator import SIMULATOR
from greenroom_sandbox.web.forms import read
from greenroom_sandbox.world import World

#: the cookie with the id of the chosen user
USER_COOKIE = "sandbox_user"
#: (title, path, further paths for which the entry is marked as the present one)
NAVIGATION = [
    ("Jobs", "/jobs", ("/stages",)),
    ("Candidates", "/people", ("/applications", "/take-homes")),
    ("Integrations", "/integrations", ()),
    ("Support desk", "/support", ()),
    ("Traffic", "/traffic", ()),
    ("Faults", "/faults", ()),
    ("Clock", "/clock", ()),
    ("Settings", "/settings", ()),
    ("Ashby", "/ashby", ()),
]
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

templates = Environment(
    loader=PackageLoader("greenroom_sandbox.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Visitor:
    """The customer and the user as whom a page is seen.

    ``user`` is None at a customer without users.
    """

    organization: Organization
    user: User | None

    @property
    def user_id(self) -> int | None:
        """The id of the user, the sender of tests from a page."""
        return self.user.id if self.user else None


def get_world(request: web.Request) -> World:
    """Returns the simulator's state."""
    return request.app[SIMULATOR].world


def get_visitor(request: web.Request, organization_id: int | None = None) -> Visitor:
    """Returns the user that was chosen, by default the first.

    With ``organization_id`` always a user of that customer.
    """
    world = get_world(request)
    chosen = request.cookies.get(USER_COOKIE, "")
    user = world.users.find(int(chosen)) if chosen.isascii() and chosen.isdigit() and len(chosen) <= 15 else None
    if user is None or organization_id not in (None, user.organization_id):
        colleagues = [one for one in world.users.all() if organization_id in (None, one.organization_id)]
        user = colleagues[0] if colleagues else None
    if user is not None:
        return Visitor(world.organizations.get(user.organization_id), user)
    first = world.organizations.all()[0]
    return Visitor(world.organizations.get(organization_id) if organization_id is not None else first, None)


def page(answer: Handler) -> Handler:
    """Wraps a handler so that its errors are answered with pages."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request)
        except SandboxError as error:
            return render_error(request, error)

    return answered


def render_error(request: web.Request, error: SandboxError) -> web.Response:
    """Renders the page of an error."""
    titles = {404: "Page not found", 403: "Request refused"}
    return render_message(request, error.status, titles.get(error.status, "That is not possible"), to_sentence(error))


def to_sentence(error: SandboxError) -> str:
    """Returns an error as a full sentence that starts with the field's label."""
    said = f"{_label(error.field)} {error.message}" if error.field else error.message
    return f"{said[:1].upper()}{said[1:]}."


def render_message(request: web.Request, status: int, title: str, text: str) -> web.Response:
    """Renders a page with a title and a text."""
    return render(request, "message.html", status, title=title, text=text)


def render(
    request: web.Request, template: str, status: int = 200, *, who: Visitor | None = None, **values: Any
) -> web.Response:
    """Renders a page as ``who`` sees it.

    The address's ``?said=`` selects the confirmation from `texts.SAID`.
    """
    world = get_world(request)
    frame = {
        "product": "Greenhouse",
        "who": who or get_visitor(request),
        "everybody": [(one, [user for user in world.users.all() if user.organization_id == one.id])
                   for one in world.organizations.all()],
        "navigation": mark_navigation(request, NAVIGATION),
        "said": texts.SAID.get(request.query.get("said", "")) if status < 400 else None,
        "now": world.clock.now(),
    }  # fmt: skip
    return respond_page(templates.get_template(template).render(frame | values), status)


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


def _label(field: str) -> str:
    return LABELS.get(field) or field.replace("_", " ").capitalize()


def _under(path: str, where: str) -> bool:
    return where == path or where.startswith(f"{path}/")


def _parse_time(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _format_duration(since: datetime | str, now: datetime) -> str:
    days = (now - _parse_time(since)).days
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"


templates.filters["day"] = lambda at: texts.day(_parse_time(at))
templates.filters["when"] = lambda at: f"{_parse_time(at):%Y-%m-%d %H:%M:%S} UTC"
templates.filters["iso"] = lambda at: _parse_time(at).isoformat()
templates.filters["how_long"] = _format_duration
templates.filters["label"] = _label
templates.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
templates.globals["texts"] = texts


@routes.get("/")
async def home(_: web.Request) -> web.StreamResponse:
    """Redirects to the recruiter's first page."""
    return redirect("/jobs")


@routes.post("/acting-as")
@page
async def act_as(request: web.Request) -> web.StreamResponse:
    """Chooses the user as whom the pages are seen."""
    given = await read(request)
    user = get_world(request).users.get(given.number("user_id") or 0)
    response = redirect("/jobs")
    response.set_cookie(USER_COOKIE, str(user.id), httponly=True, samesite="Strict")
    return response


@routes.get("/static/{name}")
@page
async def static(request: web.Request) -> web.StreamResponse:
    """Serves the stylesheet and the icon."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise NotFound("there is nothing at this path")
    body = resources.files("greenroom_sandbox.web").joinpath("static", name).read_bytes()
    headers = {"cache-control": "max-age=300", "x-content-type-options": "nosniff"}
    return web.Response(body=body, content_type=STATIC[name], charset="utf-8", headers=headers)
