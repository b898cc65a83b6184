"""What every page has in common: the frame and its navigation, headers, refusals as pages, and who is looking."""

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

#: remembers whose eyes a visitor looks through
USER_COOKIE = "sandbox_user"
#: (words, path, other places that belong there); the entry of the page that is shown is marked
NAVIGATION = [
    ("Jobs", "/jobs", ("/stages",)),
    ("Candidates", "/people", ("/applications", "/take-homes")),
    ("Integrations", "/integrations", ()),
    ("Support desk", "/support", ()),
    ("Traffic", "/traffic", ()),
    ("Faults", "/faults", ()),
    ("Clock", "/clock", ()),
    ("Settings", "/settings", ()),
]
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
#: what a field is called on its page, where that is not its name
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
#: a longer list says how many more there are
MOST_ROWS = 200
STATIC = {"sandbox.css": "text/css", "icon.svg": "image/svg+xml"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
routes = web.RouteTableDef()

_templates = Environment(
    loader=PackageLoader("greenroom_sandbox.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Visitor:
    """Whose eyes a page is seen through: a customer, and somebody who works there (None in an empty company)."""

    organization: Organization
    user: User | None

    @property
    def user_id(self) -> int | None:
        """The sender of what the visitor sends."""
        return self.user.id if self.user else None


def world_of(request: web.Request) -> World:
    """Everything the simulator knows."""
    return request.app[SIMULATOR].world


def visitor(request: web.Request, organization_id: int | None = None) -> Visitor:
    """Who looks at a page; on a page of one customer somebody who works there, whoever was chosen."""
    world = world_of(request)
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
    """A handler whose refusals are pages, too."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request)
        except SandboxError as error:
            return refusal(request, error)

    return answered


def refusal(request: web.Request, error: SandboxError) -> web.Response:
    """A page for what cannot be done or found."""
    titles = {404: "Page not found", 403: "Request refused"}
    return message(request, error.status, titles.get(error.status, "That is not possible"), _sentence(error))


def _sentence(error: SandboxError) -> str:
    """A refusal in a full sentence, its field in front."""
    said = f"{_label(error.field)} {error.message}" if error.field else error.message
    return f"{said[:1].upper()}{said[1:]}."


def message(request: web.Request, status: int, title: str, text: str) -> web.Response:
    """A page that says one thing."""
    return shown(request, "message.html", status, title=title, text=text)


def shown(
    request: web.Request, template: str, status: int = 200, *, who: Visitor | None = None, **values: Any
) -> web.Response:
    """A rendered page; ``who`` looks at it. ``?said=`` of the address names what the visitor has just done."""
    world = world_of(request)
    frame = {
        "who": who or visitor(request),
        "everybody": [(one, [user for user in world.users.all() if user.organization_id == one.id])
                   for one in world.organizations.all()],
        "navigation": [
            (words, path, any(_under(place, request.path) for place in (path, *others)))
            for words, path, others in NAVIGATION
        ],
        "said": texts.SAID.get(request.query.get("said", "")) if status < 400 else None,
        "now": world.clock.now(),
    }  # fmt: skip
    content = _templates.get_template(template).render(frame | values)
    return web.Response(text=content, status=status, content_type="text/html", headers=HEADERS)


def number(request: web.Request, name: str = "id") -> int:
    """A number in the path."""
    text = request.match_info[name]
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound("there is nothing at this path")
    return int(text)


def see(path: str, said: str | None = None, anchor: str = "", **query: Any) -> web.Response:
    """After a form: go and look there. ``said`` is a key of ``texts.SAID``, ``anchor`` the id of what to look at."""
    given = {name: value for name, value in ({"said": said} | query).items() if value is not None}
    mark = "&" if "?" in path else "?"
    target = f"{path}{mark if given else ''}{urlencode(given)}{'#' if anchor else ''}{anchor}"
    return web.Response(status=303, headers={**HEADERS, "location": target})


def _label(field: str) -> str:
    return LABELS.get(field) or field.replace("_", " ").capitalize()


def _under(path: str, where: str) -> bool:
    return where == path or where.startswith(f"{path}/")


def _moment(at: datetime | str) -> datetime:
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def _how_long(since: datetime | str, now: datetime) -> str:
    days = (now - _moment(since)).days
    return "less than a day" if days < 1 else "1 day" if days == 1 else f"{days} days"


_templates.filters["day"] = lambda at: texts.day(_moment(at))
_templates.filters["when"] = lambda at: f"{_moment(at):%Y-%m-%d %H:%M:%S} UTC"
_templates.filters["iso"] = lambda at: _moment(at).isoformat()
_templates.filters["how_long"] = _how_long
_templates.filters["label"] = _label
_templates.filters["pretty"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
_templates.globals["texts"] = texts


@routes.get("/")
async def home(_: web.Request) -> web.StreamResponse:
    """The recruiter's first page."""
    return see("/jobs")


@routes.post("/acting-as")
@page
async def act_as(request: web.Request) -> web.StreamResponse:
    """Looks through somebody else's eyes from now on."""
    given = await read(request)
    user = world_of(request).users.get(given.number("user_id") or 0)
    response = see("/jobs")
    response.set_cookie(USER_COOKIE, str(user.id), httponly=True, samesite="Strict")
    return response


@routes.get("/static/{name}")
@page
async def static(request: web.Request) -> web.StreamResponse:
    """The stylesheet and the icon."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise NotFound("there is nothing at this path")
    body = resources.files("greenroom_sandbox.web").joinpath("static", name).read_bytes()
    headers = {"cache-control": "max-age=300", "x-content-type-options": "nosniff"}
    return web.Response(body=body, content_type=STATIC[name], charset="utf-8", headers=headers)
