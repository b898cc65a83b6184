"""Greenhouse's four calls: authentication, translation, and the service behind each."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors.calls import Answering, Calls, read_json
from greenroom.connectors.contract import Capabilities
from greenroom.connectors.greenhouse import wire
from greenroom.connectors.greenhouse.enrichment import ENRICHMENT
from greenroom.connectors.greenhouse.push import callback_problem
from greenroom.context import Context
from greenroom.errors import BadRequest
from greenroom.intake import Intake
from greenroom.model import documents
from greenroom.model.accounts import Account
from greenroom.services import order_results, orders, reports

PROVIDER = "greenhouse"

#: path names of each call: Greenhouse's form says response_error, its sample URL and its prose have other names
NAMES = {
    "list_tests": ("list_tests",),
    "send_test": ("send_test",),
    "test_status": ("test_status",),
    "response_error": ("response_error", "response_errors", "request_error", "request_errors"),
}


class GreenhouseCalls:
    """The four calls, on one gateway."""

    def __init__(self, ctx: Context, intake: Intake, capabilities: Capabilities) -> None:
        self._ctx = ctx
        self._intake = intake
        self._capabilities = capabilities
        self._calls = Calls(ctx, PROVIDER, _get_tenant)

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
            endpoint = self._calls.endpoint(call, answer)
            for name in NAMES[call]:
                for path in (f"/external-trigger/{PROVIDER}/{name}", f"/external-trigger/{PROVIDER}/{{tenant}}/{name}"):
                    found.append(Route(path, endpoint, methods=[method], name=f"{PROVIDER}.{call}"))
        return found

    async def list_tests(self, _: Request, account: Account) -> Response:
        """Answers with the packages for the recruiter's drop-down."""
        return JSONResponse(wire.list_tests(await self._intake.list_packages(account)))

    async def send_test(self, request: Request, account: Account) -> Response:
        """Places the order of a recruiter; answers once it is committed."""
        parsed = wire.order_request(await read_json(request))
        integration, package = await self._intake.packages.find(account, parsed.package_id)
        problem = parsed.callback_url and callback_problem(
            parsed.callback_url, integration.settings["callback_hosts"], allow_http=self._ctx.settings.allow_http
        )
        asked = parsed.with_callback_problem(problem or None)
        lacks = ENRICHMENT.lacks(integration)
        order = await self._intake.place(
            account, asked, integration, package, self._capabilities, lacks=lacks, answer=wire.test_sent
        )
        return JSONResponse(wire.test_sent(order.id))

    async def test_status(self, request: Request, account: Account) -> Response:
        """Answers with an order's status; Greenhouse asks after the PATCH, or every hour."""
        _, interview_id = wire.query_values(request.url.query)
        if interview_id is None:
            raise BadRequest("Give partner_interview_id in the query.", errors=["partner_interview_id: required"])
        order = await orders.look_up(self._ctx, account, interview_id)
        if order.result is not None:
            await order_results.acknowledge(self._ctx, account, order.id)
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
        request.state.orders = await reports.keep(self._ctx, account, wire.report(body))
        self._calls.note_next(account)
        return JSONResponse({"status": 200})


def _get_tenant(request: Request) -> str | None:
    return request.path_params.get("tenant") or wire.query_values(request.url.query)[0]
