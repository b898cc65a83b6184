"""Consent at an ATS's authorization server: the way there from the hub and from the dashboard, and the way back."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors import discover, get_addresses, open_token_source
from greenroom.connectors.contract import OAuth
from greenroom.connectors.oauth import authorize_url, find_vendor_client
from greenroom.context import Context
from greenroom.errors import AccessError, Conflict, NotFound, Refused
from greenroom.model.audit import Actor
from greenroom.services import accounts, authorizations, connection_attempts, hub_sessions, integrations
from greenroom.services.authorizations import Authorization
from greenroom.settings import Settings
from greenroom.web import access, kit
from greenroom.web.access import Visit

#: the secret of the browser that has begun an authorization
COOKIE = "greenroom_consent"
COOKIE_PATH = "/connect/oauth2"
#: the address has a token or a code in it; the hub asks whether the window that it opened is closed, which browsers
#: answer only without an isolating opener policy
HEADERS = {**kit.SECRET_ADDRESS, "cross-origin-opener-policy": "unsafe-none"}
LONGEST = 4096
_WORD = re.compile(r"[a-zA-Z0-9_.-]{1,60}")


def routes() -> list[BaseRoute]:
    """Returns the routes of both ways."""
    return [
        Route("/connect/oauth2/callback", kit.public(finish), methods=["GET"]),
        Route("/connect/oauth2/{integration_id}", kit.public(start_in_hub), methods=["GET"]),
        kit.in_project("/accounts/{id}/authorise", start, role="developer", methods=("POST",)),
    ]


def redirect_uri(settings: Settings) -> str:
    """Returns the address to which the ATS sends a browser back; the vendor registers it with the ATS."""
    return f"{settings.public_url}/connect/oauth2/callback"


async def start(visit: Visit) -> Response:
    """Sends a person of the vendor's to the ATS, to consent for an account."""
    account = await accounts.get(visit.ctx, visit.project.id, visit.param("id"))
    url, browser = await _begin(
        visit.ctx, visit.request, account.project_id, account.provider, account.id, visit.person.name
    )
    return _away(visit.ctx, url, browser)


async def start_in_hub(request: Request, ctx: Context) -> Response:
    """
    Sends a customer to the ATS, in a window that the hub has opened.

    The query has a `connection_attempt_id`, or the session's `token`, or both. The hub's form fields and its
    `redirect_uri` are not used: the window ends on a page of ours, and the hub learns the outcome from the attempt.
    """
    query, attempt_id = request.query_params, request.query_params.get("connection_attempt_id") or ""
    try:
        if "token" in query or not attempt_id:
            opened = await hub_sessions.authenticate(ctx, query.get("token"), access.find_client(request).source)
            session = opened.session
            attempt_id = attempt_id or await connection_attempts.create(ctx, session)
            await connection_attempts.get_pending(ctx, session, attempt_id)
        else:
            session = await connection_attempts.open_session(ctx, attempt_id)
        integration = await hub_sessions.get_integration(ctx, session, request.path_params["integration_id"])
        account_id = await hub_sessions.choose(ctx, session, integration.id)
        url, browser = await _begin(
            ctx, request, session.project_id, integration.provider, account_id, session.origin_owner_name, attempt_id
        )
    except Refused as error:
        if isinstance(error, Conflict) and attempt_id:
            await connection_attempts.fail(ctx, attempt_id, error.code, error.message)
        return _page(request, "Authorisation not started", error.message, status=error.status)
    return _away(ctx, url, browser)


async def _begin(
    ctx: Context,
    request: Request,
    project_id: str,
    provider: str,
    account_id: str,
    started_by: str,
    attempt_id: str | None = None,
) -> tuple[str, str]:
    """
    Begins an authorization; returns the address of the ATS's consent page and the browser's secret.

    Raises:
        Conflict: the integration has no client to consent to.
    """
    oauth = _require_oauth(provider)
    integration = await integrations.get(ctx, project_id, provider)
    try:
        if not oauth.is_used(integration.settings):
            raise AccessError(*oauth.unused)
        client = find_vendor_client(oauth, integration.settings)
    except AccessError as error:
        raise Conflict(error.reason, code=error.code) from None
    kept = request.cookies.get(COOKIE, "")  # several windows of one browser share it
    browser = kept if re.fullmatch(r"[\w-]{43}", kept) else secrets.token_urlsafe(32)
    state = await authorizations.start(
        ctx, project_id, account_id, browser=browser, started_by=started_by, attempt_id=attempt_id
    )
    addresses = get_addresses(ctx.settings)
    return authorize_url(oauth, client, addresses, redirect_uri=redirect_uri(ctx.settings), state=state), browser


def _require_oauth(provider: str) -> OAuth:
    connector = discover().get(provider)
    if connector is None or connector.access is None:
        raise NotFound("This ATS needs no authorisation: its orders have everything.")
    return connector.access


def _away(ctx: Context, url: str, browser: str) -> Response:
    response = RedirectResponse(url, status_code=303, headers=HEADERS)
    response.set_cookie(
        COOKIE,
        browser,
        max_age=int(authorizations.LIVES.total_seconds()),
        path=COOKIE_PATH,
        httponly=True,
        samesite="lax",
        secure=ctx.settings.is_https,
    )
    return response


async def finish(request: Request, ctx: Context) -> Response:
    """Takes the ATS's answer to a consent: exchanges its code, stores the tokens, and shows the outcome."""
    query = request.query_params
    try:
        found = await authorizations.use(ctx, query.get("state", "")[:LONGEST], request.cookies.get(COOKIE))
    except Refused as error:
        return _page(request, "Nothing was authorised", error.message, status=error.status)
    api = _require_oauth(found.provider).api
    if "error" in query:
        return await _refused(request, ctx, found, api, query["error"])
    client = access.find_client(request)
    actor = Actor("connect_session" if found.attempt_id else "user", None, found.started_by, client.address)
    ctx = replace(ctx, actor=actor)
    try:
        lacking = await _connect(ctx, request, found, query.get("code", ""))
    except AccessError as error:
        await _fail(ctx, found, error.code, error.reason)
        return _page(request, f"{api} is not connected", error.reason, status=409, found=found)
    except Refused as error:
        await _fail(ctx, found, error.code, error.message)
        return _page(request, f"{api} is not connected", error.message, status=error.status, found=found)
    if lacking is not None:
        return _page(request, f"{api} is connected in part", lacking.reason, found=found)
    where = " You can close this window and go back to the first one." if found.attempt_id else ""
    said = f"{api} may be read now, so each order has its hiring team.{where}"
    return _page(request, f"{api} is connected", said, found=found)


async def _connect(ctx: Context, request: Request, found: Authorization, code: str) -> AccessError | None:
    """Exchanges the code, stores the tokens and completes the hub's attempt; returns the problem of lacking scopes."""
    source = open_token_source(ctx, request.app.state.out, found.provider)
    if source is None or not 0 < len(code) <= LONGEST:
        raise Conflict("The ATS's answer has no code that can be used. Start again.")
    lacking = await source.exchange(
        found.project_id,
        found.account_id,
        code=code,
        redirect_uri=redirect_uri(ctx.settings),
        connected_by=found.started_by,
    )
    if found.attempt_id is not None:
        integration = await integrations.get(ctx, found.project_id, found.provider)
        await connection_attempts.complete(ctx, found.attempt_id, integration.id, {})
    if lacking is not None:
        await source.report_consent(found.project_id, found.account_id, lacking)
    return lacking


async def _refused(request: Request, ctx: Context, found: Authorization, api: str, problem: str) -> Response:
    """Says that the customer, or the ATS, has not consented."""
    word = problem if _WORD.fullmatch(problem) else "unknown error"
    if word == "access_denied":
        title, status = "Authorisation cancelled", 200
        said = f"{api} was not authorised, and nothing was changed. Start again when you are ready."
    else:
        title, status = f"{api} is not connected", 400
        said = (
            f"The ATS did not authorise {api}: {word}. Check that the client's redirect URI is "
            f"{redirect_uri(ctx.settings)} and that its scopes are enabled, then start again."
        )
    if found.attempt_id is not None:
        await connection_attempts.fail(
            ctx, found.attempt_id, word, said, "cancelled" if word == "access_denied" else "error"
        )
    return _page(request, title, said, status=status, found=found)


async def _fail(ctx: Context, found: Authorization, code: str, reason: str) -> None:
    if found.attempt_id is not None:
        await connection_attempts.fail(ctx, found.attempt_id, code, reason)


def _page(
    request: Request, title: str, text: str, *, status: int = 200, found: Authorization | None = None
) -> Response:
    account = None if found is None or found.attempt_id else f"/projects/{found.project_id}/accounts/{found.account_id}"
    return kit.render(request, "consent/outcome.html", status, headers=HEADERS, title=title, text=text, account=account)
