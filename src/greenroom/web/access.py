"""Access to pages: the signed-in person, their role in the project, and the check that a form is genuine."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from greenroom.context import Context
from greenroom.errors import BadRequest, Forbidden, NotFound
from greenroom.model.people import Client, Identity, Role, User, has_role
from greenroom.model.projects import Project
from greenroom.services import sessions

SESSION = "greenroom_session"
#: the page that somebody asked for before signing in
NEXT = "greenroom_next"
NEXT_LIVES_S = 3600
#: the project whose pages were last shown in this browser
PROJECT = "greenroom_project"
PROJECT_LIVES_S = 365 * 24 * 3600
CSRF_FIELD = "csrf"
#: the browser to which the forms of people without a session are bound
BROWSER = "greenroom_browser"
MOST_FIELDS = 500


@dataclass(frozen=True)
class Person:
    """
    A signed-in person, with their role in the current project.

    `session` is the session's token, to which the tokens of forms are bound. Where there is no current project, the
    role is `viewer`, and there is nothing to see.
    """

    name: str
    role: Role
    session: str = field(repr=False)
    identity: Identity

    @property
    def user(self) -> User | None:
        """Returns the user; None for a session of a sign-in link, which is an owner of every project."""
        return self.identity.user

    def may(self, role: Role) -> bool:
        """Returns whether the person's role includes another one: owner, then developer, then viewer."""
        return has_role(self.role, role)


@dataclass(frozen=True)
class Visit:
    """
    A request for a page by a signed-in person: what every handler receives.

    `project` is the project in the path, else the one that was last seen; pages outside `/projects/{project}` must not
    rely on it. `form` has the fields of a submitted form, without the CSRF token.
    """

    request: Request
    ctx: Context
    person: Person
    projects: Sequence[Project]
    known_project: Project | None
    form: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def project(self) -> Project:
        """Returns the current project."""
        if self.known_project is None:
            raise NotFound("There is no project yet. `greenroom keys create --name NAME` makes one.")
        return self.known_project

    @property
    def base(self) -> str:
        """Returns the path under which the current project's pages live."""
        return f"/projects/{self.project.id}"

    def param(self, name: str) -> str:
        """Returns a parameter of the path."""
        return str(self.request.path_params[name])

    def require(self, role: Role) -> None:
        """
        Refuses a person without a role.

        Raises:
            Forbidden: names the role that is needed and the one that the person has.
        """
        if not self.person.may(role):
            where = f"in {self.known_project.name}" if self.known_project else "in any project"
            raise Forbidden(
                f"This needs the role {role}. Your role {where} is {self.person.role}. Ask an owner of the project."
            )


def find_client(request: Request) -> Client:
    """Returns where a request comes from."""
    return Client(request.client.host if request.client else None, request.headers.get("user-agent"))


async def find_person(ctx: Context, request: Request) -> Person | None:
    """
    Returns the person who is signed in, or None.

    The only place that knows who people are. A session that was opened by a sign-in link is the owner's.
    """
    token = request.cookies.get(SESSION)
    identity = await sessions.identify(ctx, token)
    if identity is None:
        return None
    if identity.user is None:
        return Person("Owner by sign-in link", "owner", str(token), identity)
    return Person(identity.user.name, "viewer", str(token), identity)


def acting(ctx: Context, request: Request, person: Person) -> Context:
    """Returns the context in which services record the person as the one who changes something."""
    return replace(ctx, actor=person.identity.actor(find_client(request)))


async def open_visit(ctx: Context, request: Request) -> Visit | None:
    """
    Returns the visit of a signed-in person, or None when nobody is signed in.

    Raises:
        NotFound: the path names a project that does not exist, or of which the person is not a member.
        Forbidden, BadRequest: the request is a form that was not sent from one of our pages, or cannot be read.
    """
    person = await find_person(ctx, request)
    if person is None:
        return None
    form = await read_form(request) if request.method == "POST" else {}
    if request.method == "POST":
        refuse_foreign_origin(ctx, request)
        if not is_csrf_token(ctx, person.session, "".join(form.pop(CSRF_FIELD, []))):
            raise Forbidden(
                "This form has expired, or was not sent from Greenroom. Go back, reload the page and retry."
            )
    roles = await sessions.list_projects(ctx, person.identity)
    project = _find_project(request, [one for one, _ in roles])
    role = next((role for one, role in roles if one == project), person.role)
    person = replace(person, role=role)
    return Visit(request, acting(ctx, request, person), person, [one for one, _ in roles], project, form)


def _find_project(request: Request, all_projects: Sequence[Project]) -> Project | None:
    asked = request.path_params.get("project")
    if asked is not None:
        for one in all_projects:
            if one.id == asked:
                return one
        raise NotFound(f"There is no project {str(asked)[:80]}, or you have no access to it.")
    last = request.cookies.get(PROJECT)
    return next((one for one in all_projects if one.id == last), all_projects[0] if all_projects else None)


def ask_to_sign_in(request: Request) -> Response:
    """Redirects to the sign-in page, which leads back to the page that was asked for."""
    response = RedirectResponse("/sign-in", status_code=303)
    if request.method == "GET":
        asked = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
        response.set_cookie(NEXT, asked[:2048], max_age=NEXT_LIVES_S, httponly=True, samesite="lax")
    return response


async def read_form(request: Request) -> dict[str, list[str]]:
    """
    Returns the fields of a submitted form, each with all its values.

    Raises:
        BadRequest: the body is no form, or has too many fields.
    """
    try:
        pairs = parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:  # not UTF-8, or too many fields
        raise BadRequest(f"The form cannot be read: expected at most {MOST_FIELDS} fields in UTF-8.") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\x00", ""))
    return fields


def refuse_foreign_origin(ctx: Context, request: Request, *, without_referrer: bool = False) -> None:
    """
    Refuses a form that another site sent.

    `without_referrer` accepts the origin `null`, which browsers send from a page whose address is secret.

    Raises:
        Forbidden: says which origin sent the form.
    """
    origin = request.headers.get("origin")
    own = (urlsplit(ctx.settings.public_url).netloc, request.headers.get("host"))
    is_own = origin is None or urlsplit(origin).netloc in own or (without_referrer and origin == "null")
    if not is_own or request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden(
            f"This form was sent from {(origin or 'another site')[:200]}, not from {ctx.settings.public_url}. "
            "If that is how you reach Greenroom, set GREENROOM_PUBLIC_URL to it."
        )


async def read_public_form(ctx: Context, request: Request, *, without_referrer: bool = False) -> dict[str, list[str]]:
    """
    Returns the fields of a form that somebody without a session submitted.

    Raises:
        Forbidden: another site sent the form, or its token is not of this browser.
        BadRequest: the form cannot be read.
    """
    refuse_foreign_origin(ctx, request, without_referrer=without_referrer)
    fields = await read_form(request)
    browser = request.cookies.get(BROWSER)
    if not browser or not is_csrf_token(ctx, f"browser:{browser}", "".join(fields.pop(CSRF_FIELD, []))):
        raise Forbidden(
            "This form has expired, was not sent from Greenroom, or the browser keeps no cookies. "
            "Allow cookies for Greenroom, go back, reload the page and retry."
        )
    return fields


def csrf_token(ctx: Context, session: str) -> str:
    """Returns a token for the forms of one page. Each page has another one, so that compression does not leak it."""
    nonce = secrets.token_hex(8)
    return f"{nonce}.{_sign(ctx, session, nonce)}"


def is_csrf_token(ctx: Context, session: str, token: str) -> bool:
    """Returns whether a token was made for the forms of this session."""
    nonce, _, signature = token.partition(".")
    return hmac.compare_digest(_sign(ctx, session, nonce).encode(), signature.encode())


def _sign(ctx: Context, session: str, nonce: str) -> str:
    return hmac.new(ctx.pepper, f"form:{session}:{nonce}".encode(), hashlib.sha256).hexdigest()


def remember_project(visit: Visit, response: Response) -> None:
    """Remembers the current project in the browser, for `/` and for pages outside a project."""
    if "project" in visit.request.path_params and visit.request.cookies.get(PROJECT) != visit.project.id:
        response.set_cookie(
            PROJECT,
            visit.project.id,
            max_age=PROJECT_LIVES_S,
            httponly=True,
            samesite="lax",
            secure=visit.ctx.settings.is_https,
        )


Handler = Callable[[Visit], Awaitable[Response]]
