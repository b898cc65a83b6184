"""The frame of every page: navigation, headers, errors and the chosen user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import ChoiceLoader, PackageLoader

from greenroom_sandbox.errors import SandboxError
from greenroom_sandbox.greenhouse import texts
from greenroom_sandbox.greenhouse.model.hiring import Organization, User
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.http.forms import read
from greenroom_sandbox.http.frame import (
    SHARED,
    Handler,
    mark_navigation,
    parse_time,
    redirect,
    respond_page,
    templates,
    to_sentence,
)

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
routes = web.RouteTableDef()

_templates = templates.overlay(loader=ChoiceLoader([PackageLoader("greenroom_sandbox.greenhouse.web"), SHARED]))
_templates.filters["day"] = lambda at: texts.day(parse_time(at))
_templates.globals["texts"] = texts


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
    return respond_page(_templates.get_template(template).render(frame | values), status)


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
