"""The frame of Ashby's pages: navigation, errors and the chosen user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from jinja2 import ChoiceLoader, PackageLoader

from greenroom_sandbox.ashby.model import Organization, User, make_uuid, parse_uuid
from greenroom_sandbox.ashby.state import ASHBY, Ashby
from greenroom_sandbox.errors import SandboxError
from greenroom_sandbox.http.forms import read
from greenroom_sandbox.http.frame import (
    SHARED,
    Handler,
    mark_navigation,
    redirect,
    respond_page,
    templates,
    to_sentence,
)

#: the cookie with the number of the chosen user
USER_COOKIE = "sandbox_ashby_user"
NAVIGATION: list[tuple[str, str, tuple[str, ...]]] = [
    ("Candidates", "/ashby/candidates", ("/ashby/applications", "/ashby/jobs")),
    ("Integrations", "/ashby/integrations", ()),
    ("Partners", "/ashby/partners", ()),
    ("Traffic", "/traffic", ()),
    ("Faults", "/faults", ()),
    ("Clock", "/clock", ()),
    ("Settings", "/settings", ()),
    ("Greenhouse", "/jobs", ()),
]
#: the confirmation on the page after a form, by the value of ``?said=``
SAID = {
    "candidate-added": "The candidate is added.",
    "status-changed": "The application's status is changed.",
    "started": "The assessment is started.",
    "cancelled": "The assessment is cancelled.",
    "not-cancelled": "The partner did not cancel the assessment. The reason is below.",
    "partner-added": "The partner is entered.",
    "saved": "Saved.",
    "key-stored": "The partner API key is stored.",
    "key-removed": "The partner API key is removed.",
    "key-on": "The API key is switched on.",
    "key-off": "The API key is switched off.",
    "refreshed": "The partner accepted the key and listed its assessment types.",
    "synced": "The custom fields are synced.",
}
#: words and look of each state of an assessment
STATES = {
    "starting": ("Starting", ""),
    "failed": ("Not started", "bad"),
    "refused": ("Refused", "bad"),
    "sent": ("Sent", ""),
    "started": ("In progress", ""),
    "completed": ("Completed", "good"),
    "cancelled": ("Cancelled", "bad"),
}

routes = web.RouteTableDef()
_templates = templates.overlay(loader=ChoiceLoader([PackageLoader("greenroom_sandbox.ashby.web"), SHARED]))
_templates.globals["states"] = STATES
_templates.filters["uuid"] = lambda number, kind: make_uuid(kind, number)


@dataclass(frozen=True)
class Visitor:
    """The customer and the user as whom a page is seen; a customer without users has None."""

    organization: Organization
    user: User | None


def get_ashby(request: web.Request) -> Ashby:
    """Returns Ashby's state."""
    return request.app[ASHBY]


def get_id(request: web.Request, kind: str, name: str = "id") -> int:
    """Returns the number of a UUID of the path. Raises: `NotFound`."""
    return parse_uuid(kind, request.match_info[name])


def get_visitor(request: web.Request, organization_id: int | None = None) -> Visitor:
    """Returns the user that was chosen, by default the first; with ``organization_id`` one of that customer."""
    ashby = get_ashby(request)
    chosen = request.cookies.get(USER_COOKIE, "")
    user = ashby.users.find(int(chosen)) if chosen.isascii() and chosen.isdigit() and len(chosen) <= 15 else None
    if user is None or organization_id not in (None, user.organization_id):
        user = next((one for one in ashby.users.all() if organization_id in (None, one.organization_id)), None)
    if organization_id is None:
        organization_id = user.organization_id if user else ashby.organizations.oldest()
    return Visitor(ashby.organizations.get(organization_id), user)


def page(answer: Handler) -> Handler:
    """Wraps a handler so that its errors are answered with pages of Ashby."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(request)
        except SandboxError as error:
            title = "Page not found" if error.status == 404 else "That is not possible"
            return render(request, "ashby_message.html", error.status, title=title, text=to_sentence(error))

    return answered


def render(
    request: web.Request, template: str, status: int = 200, *, who: Visitor | None = None, **values: Any
) -> web.Response:
    """Renders a page as ``who`` sees it."""
    ashby = get_ashby(request)
    frame: dict[str, Any] = {
        "product": "Ashby",
        "who": who or get_visitor(request),
        "everybody": [
            (one, [user for user in ashby.users.all() if user.organization_id == one.id])
            for one in ashby.organizations.all()
        ],
        "navigation": mark_navigation(request, NAVIGATION),
        "said": SAID.get(request.query.get("said", "")) if status < 400 else None,
        "now": ashby.now(),
    }
    return respond_page(_templates.get_template(template).render(frame | values), status)


@routes.get("/ashby")
async def home(_: web.Request) -> web.StreamResponse:
    """Redirects to the recruiter's first page."""
    return redirect("/ashby/candidates")


@routes.post("/ashby/acting-as")
@page
async def act_as(request: web.Request) -> web.StreamResponse:
    """Chooses the user as whom the pages are seen."""
    given = await read(request)
    user = get_ashby(request).users.get(given.number("user_id") or 0)
    response = redirect("/ashby/candidates")
    response.set_cookie(USER_COOKIE, str(user.id), httponly=True, samesite="Strict")
    return response
