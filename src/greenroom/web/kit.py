"""Rendering: the template environment, pages, redirects with a notice, and errors as pages."""

from __future__ import annotations

import gzip
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote, unquote, urlencode

import structlog
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from greenroom.context import Context
from greenroom.doctor.recent import RecentFindings
from greenroom.errors import NotFound, Refused, SecretUnreadable, Unavailable
from greenroom.model.people import Role
from greenroom.security.headers import PAGE_POLICY
from greenroom.security.vault import VaultError
from greenroom.web import access, assets, formats
from greenroom.web.access import Handler, Visit
from greenroom.web.forms import Form

log = structlog.get_logger("greenroom.web")

#: a form's origin is checked, and browsers name it only where a referrer is allowed
HEADERS = {"content-security-policy": PAGE_POLICY, "referrer-policy": "same-origin"}
#: for pages that show the hub in a frame
FRAMED = {**HEADERS, "content-security-policy": f"{PAGE_POLICY}; frame-src 'self'"}
#: for pages whose address is a secret
SECRET_ADDRESS = {**HEADERS, "referrer-policy": "no-referrer"}
NOTICE = "greenroom_notice"
THEME = "greenroom_theme"
THEMES = ("light", "dark", "system")
LONGEST_NOTICE = 300
#: seconds by which the number of errors in the sidebar may be behind
ERRORS_AGE_S = 30.0
#: smaller pages do not gain from compression
COMPRESSED_FROM = 1024

templates = Environment(
    loader=PackageLoader("greenroom.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters.update(formats.FILTERS)
templates.globals.update(asset=assets.url, nav=formats.NAVIGATION, Form=Form)


def route(path: str, handler: Handler, *, role: Role = "viewer", methods: tuple[str, ...] = ("GET",)) -> Route:
    """Returns the route of a page for signed-in people with a role."""

    async def guarded(request: Request, ctx: Context) -> Response:
        visit = await access.open_visit(ctx, request)
        if visit is None:
            return access.ask_to_sign_in(request)
        request.state.visit = visit
        visit.require(role)
        if request.method == "GET":
            request.state.error_count = await _count_errors(visit)
        try:
            response = await handler(visit)
        finally:
            if request.method != "GET" and visit.known_project is not None:
                _findings(visit).drop(visit.project.id)
        access.remember_project(visit, response)
        return response

    return Route(path, public(guarded, name=handler.__name__), methods=[*methods])


def _findings(visit: Visit) -> RecentFindings:
    return cast(RecentFindings, visit.request.app.state.findings)


async def _count_errors(visit: Visit) -> int:
    """Returns the number of errors in the project, for the sidebar; 0 while it cannot be read."""
    if visit.known_project is None:
        return 0
    try:
        found = await _findings(visit).get(visit.ctx, visit.project.id, max_age_s=ERRORS_AGE_S)
    except Unavailable:  # the page says itself that the database is away
        return 0
    return sum(one.severity == "error" for one in found)


def in_project(path: str, handler: Handler, *, role: Role = "viewer", methods: tuple[str, ...] = ("GET",)) -> Route:
    """Returns the route of a page of a project."""
    return route(f"/projects/{{project}}{path}", handler, role=role, methods=methods)


def public(
    answer: Callable[[Request, Context], Awaitable[Response]], *, name: str | None = None
) -> Callable[[Request], Awaitable[Response]]:
    """Returns the endpoint of a page that anybody may open; refusals and failures become pages."""
    page_name = name or answer.__name__

    async def endpoint(request: Request) -> Response:
        if request.method == "HEAD":  # a link preview must not use up a link
            return Response(headers=HEADERS)
        try:
            return await answer(request, request.app.state.ctx)
        except Refused as error:
            return refused(request, error)
        except VaultError as error:
            log.error("secret_unreadable", page=page_name, cause=str(error))  # its path may have a link's code
            return refused(request, SecretUnreadable())
        except Exception:
            request_id = str(getattr(request.state, "request_id", ""))
            log.exception("page_failed", page=page_name, request_id=request_id)
            return message(request, 500, "Greenroom failed on this page", "The log has the details.", hint=request_id)

    return endpoint


def render(
    where: Visit | Request, template: str, status: int = 200, *, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """Returns a rendered page with the common values that every template may use."""
    request = where.request if isinstance(where, Visit) else where
    ctx: Context = request.app.state.ctx
    visit = where if isinstance(where, Visit) else getattr(request.state, "visit", None)
    theme = request.cookies.get(THEME)
    notice = read_notice(ctx, request)
    content = templates.get_template(template).render(
        visit=visit,
        request=request,
        path=request.url.path,
        csrf=values.pop("csrf", "") or (access.csrf_token(ctx, visit.person.session) if visit else ""),
        theme=theme if theme in THEMES else "system",
        notice=notice,
        now=datetime.now(UTC),
        live=values.pop("live", False),
        is_development=ctx.settings.allow_http,
        error_count=getattr(request.state, "error_count", 0),
        **values,
    )
    body = content.encode()
    sent = {**(headers or HEADERS), "vary": "accept-encoding, cookie"}
    if len(body) >= COMPRESSED_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5, mtime=0)
        sent["content-encoding"] = "gzip"
    response = HTMLResponse(body, status_code=status, headers=sent)
    if notice is not None:
        response.delete_cookie(NOTICE)
    return response


def render_public_form(
    request: Request, template: str, status: int = 200, *, headers: dict[str, str] | None = None, **values: Any
) -> Response:
    """Returns a page with a form for people without a session; `access.read_public_form` reads the form."""
    ctx: Context = request.app.state.ctx
    browser = request.cookies.get(access.BROWSER) or secrets.token_urlsafe(16)
    csrf = access.csrf_token(ctx, f"browser:{browser}")
    response = render(request, template, status, headers=headers, csrf=csrf, **values)
    if access.BROWSER not in request.cookies:
        response.set_cookie(access.BROWSER, browser, httponly=True, samesite="lax", secure=ctx.settings.is_https)
    return response


def render_refused(visit: Visit, template: str, form: Form, error: Refused | None = None, **values: Any) -> Response:
    """Returns a page whose form was refused: every value kept, a summary on top, each error beside its field; 422."""
    if error is not None:
        form.refuse(error)
    status = error.status if error is not None and error.status in (409, 412) else 422
    return render(visit, template, status, form=form, **values)


def render_unavailable(visit: Visit, template: str, error: Unavailable, **values: Any) -> Response:
    """Returns a list's page without its rows, for a database that does not answer; 503, with the time to retry."""
    log.warning(f"{template.partition('/')[0]}_page_failed", cause=error.message)
    response = render(visit, template, 503, problem=error.message, **values)
    response.headers["retry-after"] = str(error.retry_after or 1)
    return response


def page_links(visit: Visit, ids: Sequence[str], size: int) -> dict[str, Any]:
    """
    Returns the addresses `first` and `following` of a list's pager, whose cursor is `before` in the URL.

    `ids` are those of the rows found, one more than `size` if there is a following page.
    """
    is_first = not visit.request.query_params.get("before", "").strip()
    return {
        "first": None if is_first else with_query(visit.request, before=None),
        "following": with_query(visit.request, before=ids[size - 1]) if len(ids) > size else None,
    }


def into_project(visit: Visit, project_id: str, path: str) -> Response:
    """Redirects to a page of the project that an object belongs to, if the person may see that project."""
    if all(one.id != project_id for one in visit.projects):
        raise NotFound("There is nothing here, or you have no access to it.")
    return RedirectResponse(f"/projects/{project_id}{quote(path)}", status_code=302, headers=HEADERS)


def redirect(visit: Visit, path: str, *, notice: str | None = None) -> Response:
    """Redirects after a form was taken; the next page shows the notice once."""
    response = RedirectResponse(path, status_code=303, headers=HEADERS)
    if notice:
        text = quote(notice[:LONGEST_NOTICE])
        response.set_cookie(
            NOTICE, f"{_sign(visit.ctx, text)}.{text}", max_age=60, httponly=True, samesite="lax",
            secure=visit.ctx.settings.is_https,
        )  # fmt: skip
    return response


def read_notice(ctx: Context, request: Request) -> str | None:
    """Returns the notice that `redirect` left for this page; a forged one is ignored."""
    signature, _, text = request.cookies.get(NOTICE, "").partition(".")
    return unquote(text) if text and hmac.compare_digest(_sign(ctx, text).encode(), signature.encode()) else None


def _sign(ctx: Context, text: str) -> str:
    return hmac.new(ctx.pepper, f"notice:{text}".encode(), hashlib.sha256).hexdigest()[:32]


def message(request: Request, status: int, title: str, text: str, *, hint: str | None = None) -> Response:
    """Returns a page that says one thing, within the dashboard for somebody who is signed in."""
    return render(request, "errors/message.html", status, title=title, text=text, hint=hint)


TITLES = {
    400: "This request cannot be read",
    403: "Not allowed",
    404: "There is nothing here",
    409: "Something changed meanwhile",
    503: "Not now",
}


def refused(request: Request, error: Refused, *, title: str | None = None) -> Response:
    """Returns a refusal as a page."""
    response = message(request, error.status, title or TITLES.get(error.status, "Not possible"), error.message)
    if error.retry_after is not None:
        response.headers["retry-after"] = str(error.retry_after)
    return response


def with_query(request: Request, **changes: str | None) -> str:
    """Returns the page's own address with parameters replaced, or removed by None."""
    query = {**request.query_params, **changes}
    kept = urlencode({name: value for name, value in query.items() if value})
    return f"{request.url.path}?{kept}" if kept else request.url.path


templates.globals["with_query"] = with_query
