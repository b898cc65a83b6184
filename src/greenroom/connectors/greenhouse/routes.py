"""Greenhouse's four calls: authentication, translation, and the service behind each."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.catalog import Catalog
from greenroom.connectors.greenhouse import wire
from greenroom.connectors.greenhouse.push import callback_problem
from greenroom.context import Context
from greenroom.errors import BadGateway, BadRequest, Refused, Unavailable
from greenroom.model import documents
from greenroom.model.accounts import Account
from greenroom.security.tokens import basic_user
from greenroom.services import accounts, orders, reports

PROVIDER = "greenhouse"

#: path names of each call: Greenhouse's form says response_error, its sample URL and its prose have other names
NAMES = {
    "list_tests": ("list_tests",),
    "send_test": ("send_test",),
    "test_status": ("test_status",),
    "response_error": ("response_error", "response_errors", "request_error", "request_errors"),
}

#: seconds between two updates of "last called" for a call of an account, so that it costs nothing under load
NOTE_S = 60.0

Answering = Callable[[Request, Account], Awaitable[Response]]


class GreenhouseCalls:
    """The four calls, on one gateway."""

    def __init__(self, ctx: Context, catalog: Catalog) -> None:
        self._ctx = ctx
        self._catalog = catalog
        self._noted: dict[tuple[str, str, bool], float] = {}

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of every call, in both URL forms and under every name."""
        found: list[BaseRoute] = []
        calls: dict[str, tuple[str, Answering]] = {
            "list_tests": ("GET", self.list_tests),
            "send_test": ("POST", self.send_test),
            "test_status": ("GET", self.test_status),
            "response_error": ("POST", self.response_error),
        }
        for call, (method, answer) in calls.items():
            endpoint = self._authenticated(call, answer)
            for name in NAMES[call]:
                for path in (f"/external-trigger/{PROVIDER}/{name}", f"/external-trigger/{PROVIDER}/{{tenant}}/{name}"):
                    found.append(Route(path, endpoint, methods=[method], name=f"{PROVIDER}.{call}"))
        return found

    async def list_tests(self, _: Request, account: Account) -> Response:
        """Answers with the packages for the recruiter's drop-down."""
        try:
            listed = await self._catalog.effective(account)
        except BadGateway as error:
            # an error, never a partial list: Greenhouse shows "Sorry, we encountered an error", the log has the cause
            raise Unavailable(error.message) from error
        return JSONResponse(wire.list_tests(listed.packages))

    async def send_test(self, request: Request, account: Account) -> Response:
        """Places the order of a recruiter; answers once it is committed."""
        parsed = wire.order_request(await _json(request))
        integration, package = await self._catalog.find(account, parsed.package_id)
        problem = parsed.callback_url and callback_problem(
            parsed.callback_url, integration.callback_hosts, allow_http=self._ctx.settings.allow_http
        )
        order = await orders.place(
            self._ctx,
            account,
            parsed.with_callback_problem(problem or None),
            category=integration.partner_category,
            package_name=package.name if package else None,
        )
        return JSONResponse({"partner_interview_id": order.id})

    async def test_status(self, request: Request, account: Account) -> Response:
        """Answers with an order's status; Greenhouse asks after the PATCH, or every hour."""
        _, interview_id = wire.query_values(request.url.query)
        if interview_id is None:
            raise BadRequest("Give partner_interview_id in the query.", errors=["partner_interview_id: required"])
        order = await orders.look_up(self._ctx, account, interview_id)
        if order.result is not None and order.acknowledged_at is None:
            await orders.acknowledge(self._ctx, account, order.id)
        return JSONResponse(wire.test_status(order))

    async def response_error(self, request: Request, account: Account) -> Response:
        """
        Keeps a report that Greenhouse could not use an answer of this gateway.

        Always answers 200: Greenhouse could not report an error of this call.
        """
        raw = await request.body()
        try:
            documents.check(raw)
            body = json.loads(raw)
        except (ValueError, BadRequest):
            body = {"error": raw[:4000].decode(errors="replace")}
        request.state.orders = await reports.keep(self._ctx, account, body)
        return JSONResponse({"status": 200})

    def _authenticated(self, call: str, answer: Answering) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            tenant = request.path_params.get("tenant") or wire.query_values(request.url.query)[0]
            token = basic_user(request.headers.get("authorization"))
            account = await accounts.authenticate(self._ctx, PROVIDER, token, tenant)
            request.state.account, request.state.call = account, call
            try:
                response = await answer(request, account)
            except Refused as refusal:
                await self._note(account, call, refusal.status)
                raise
            await self._note(account, call, response.status_code)
            return response

        return endpoint

    async def _note(self, account: Account, call: str, status: int) -> None:
        key, now = (account.id, call, status < 400), time.monotonic()
        if now - self._noted.get(key, float("-inf")) < NOTE_S or status >= 500:
            return
        self._noted[key] = now
        await accounts.note_call(self._ctx, account.id, call, status)


async def _json(request: Request) -> object:
    """Returns the body as JSON, whatever its media type: Greenhouse documents none."""
    content = await request.body()
    documents.check(content)
    try:
        return json.loads(content)
    except ValueError:
        raise BadRequest("The body is not JSON.") from None
