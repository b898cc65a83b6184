"""
The gate of the hub's API: preflights, the session's token, the page's origin, bodies and errors.

Every answer names the page's origin in CORS, so that a page can also read why it was refused. Data is returned to an
allowed origin alone. A preflight carries no token and so is answered for any origin: the real request is checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from greenroom.context import Context
from greenroom.errors import BadRequest, PayloadTooLarge, Refused, SecretUnreadable, Unauthorized
from greenroom.model import documents
from greenroom.model.audit import SYSTEM
from greenroom.model.connect_sessions import ConnectSession
from greenroom.model.events import stamp
from greenroom.model.hub import is_origin_allowed
from greenroom.model.people import Client
from greenroom.security.vault import VaultError
from greenroom.services import hub_sessions
from greenroom.services.hub_sessions import Opened
from greenroom.store.db import is_plain

log = structlog.get_logger("greenroom.hub")

TOKEN = "x-hub-session-token"  # noqa: S105 - the header's name
#: limit of a body, in bytes
MOST_BYTES = 64 * 1024
LONGEST_TOKEN = 500
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST, PATCH, DELETE",
    "access-control-allow-headers": f"content-type, {TOKEN}, x-hub-version",
    "access-control-max-age": "600",
}
#: headers that pages of other origins may read
EXPOSED = "retry-after, x-request-id"


@dataclass(frozen=True)
class Call:
    """A request with the session that its token opened, and its JSON body."""

    request: Request
    ctx: Context
    opened: Opened
    body: dict[str, Any] = field(repr=False)

    @property
    def session(self) -> ConnectSession:
        """The connect session."""
        return self.opened.session

    @property
    def language(self) -> str | None:
        """The language that the browser, or the hub's page in it, prefers, such as `de`."""
        found = re.match(r"\s*([A-Za-z]{2,3})\b", self.request.headers.get("accept-language", ""))
        return found[1].lower() if found else None

    def param(self, name: str) -> str:
        """Returns a parameter of the path; one that no id can have never matches."""
        value = str(self.request.path_params[name])
        return value if is_plain(value) else ""

    def text(self, name: str) -> str:
        """
        Returns a text of the body.

        Raises:
            BadRequest: it is missing, empty or no text.
        """
        value = self.body.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TOKEN or not is_plain(value):
            raise BadRequest(f"{name}: expected a text of at most {LONGEST_TOKEN} characters")
        return value


Handler = Callable[[Call], Awaitable[Any]]


def route(path: str, *, polls: bool = False, creates: bool = False, **handlers: Handler) -> Route:
    """
    Returns the route of a path with a handler for each method (`get`, `post`, `patch`, `delete`).

    A handler returns the JSON of its answer. `polls` says that GET is repeated by itself, and so does not extend the
    session; `creates` that POST is answered 201.
    """
    methods = {name.upper(): handler for name, handler in handlers.items()}

    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return _respond(request, None, PREFLIGHT)
        try:
            content = await _answer(request, methods[request.method], is_use=not (polls and request.method == "GET"))
            return _respond(request, content, {}, status=201 if creates and request.method == "POST" else 200)
        except Refused as error:
            return render(request, error)
        except VaultError as error:
            log.error("secret_unreadable", path=request.url.path, cause=str(error))
            return render(request, SecretUnreadable())
        except Exception:
            log.exception("hub_failed", path=request.url.path, request_id=_get_id(request))
            return _fail(request)

    # HEAD would need no body, and no client sends it
    found = Route(path, endpoint, methods=[*methods, "OPTIONS"])
    found.methods = {*methods, "OPTIONS"}
    return found


async def _answer(request: Request, handler: Handler, *, is_use: bool) -> Any:
    ctx: Context = request.app.state.ctx
    address = request.client.host if request.client else None
    ctx = replace(ctx, actor=replace(SYSTEM, address=address))
    token = request.headers.get(TOKEN)
    if token is not None and len(token) > LONGEST_TOKEN:
        raise BadRequest(f"{TOKEN}: expected at most {LONGEST_TOKEN} characters")
    opened = await hub_sessions.authenticate(ctx, token, Client(address, None).source)
    try:
        check_origin(ctx, request, opened)
    except OriginNotAllowed:
        await request.app.state.refused_origins.note(ctx, opened.session.project_id, request.headers["origin"])
        raise
    if is_use:
        await hub_sessions.use(ctx, opened.hub)
    body = await _read_body(request) if request.method in ("POST", "PATCH") else {}
    return await handler(Call(request, ctx, opened, body))


def check_origin(ctx: Context, request: Request, opened: Opened) -> None:
    """
    Refuses a page that may not use the session; requests without an origin are not a browser's on another site.

    Raises:
        OriginNotAllowed: names the origin that was seen and how to allow it.
    """
    origin = request.headers.get("origin")
    if origin is None or is_own(ctx, request, origin):
        return
    if not is_origin_allowed(opened.settings, origin, session_type=opened.session.type):
        raise OriginNotAllowed(origin, opened.session.type)


def is_own(ctx: Context, request: Request, origin: str) -> bool:
    """Returns whether an origin is this gateway's."""
    try:
        return urlsplit(origin).netloc in (urlsplit(ctx.settings.public_url).netloc, request.headers.get("host"))
    except ValueError:
        return False


class OriginNotAllowed(Refused):
    """The page's origin is not among the project's allowed origins."""

    # the official hub shows the messages of every error but 401 and 403
    status = 400
    code = "OriginNotAllowed"

    def __init__(self, origin: str, session_type: str) -> None:
        seen = re.sub(r"[^!-~]", "?", origin)[:200]
        local = (
            " Pages on http://localhost need no entry if the connect session has the type test."
            if session_type != "test" and re.match(r"http://localhost(:|$)", seen)
            else ""
        )
        super().__init__(
            f"This page has the origin {seen}, which is not among the project's allowed origins. Add exactly {seen} on "
            f"the page Hub of Greenroom's dashboard, or with PUT /v1/hub (allowed_origins).{local}"
        )


async def _read_body(request: Request) -> dict[str, Any]:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise PayloadTooLarge(f"The body is over {MOST_BYTES // 1024} KiB. Send less in one request.")
    if not content:
        return {}
    documents.check(bytes(content))
    try:
        found = json.loads(content)
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(found, dict):
        raise BadRequest("The body is not a JSON object.")
    return found


def render(request: Request, error: Refused) -> Response:
    """Returns an error as an answer; `provider_response` is the ATS's, which the hub shows on demand."""
    more: dict[str, Any] = {"errors": error.errors} if error.errors else {}
    if error.provider_errors:
        more["provider_response"] = [{"status": one.status, "body": one.raw} for one in error.provider_errors]
    content = {
        "statusCode": error.status,
        "message": error.message,
        "timestamp": stamp(datetime.now(UTC)),
        "errorCode": error.code,
        **more,
    }
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = f'HubSession realm="{TOKEN}"'
    return _respond(request, content, headers, status=error.status)


def _fail(request: Request) -> Response:
    message = f"Something went wrong on our side. Try again; if it happens again, pass on {_get_id(request)}."
    content = {
        "statusCode": 500,
        "message": message,
        "timestamp": stamp(datetime.now(UTC)),
        "errorCode": "InternalServerError",
    }
    return _respond(request, content, {}, status=500)


def _get_id(request: Request) -> str:
    return str(getattr(request.state, "request_id", ""))


def _respond(request: Request, content: Any, headers: Mapping[str, str], *, status: int = 200) -> Response:
    origin = request.headers.get("origin")
    allowed = {"vary": "origin"}
    if origin is not None:
        allowed |= {"access-control-allow-origin": origin, "access-control-expose-headers": EXPOSED}
    if content is None:
        return Response(status_code=204, headers={**allowed, **headers})
    # a message may quote half a surrogate pair, which UTF-8 cannot encode
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(text, status_code=status, headers={**allowed, **headers}, media_type="application/json")
