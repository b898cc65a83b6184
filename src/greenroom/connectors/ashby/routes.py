"""Ashby's calls: translation, the service behind each, and errors in Ashby's shape."""

from __future__ import annotations

import json
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors.ashby import ids, wire
from greenroom.connectors.calls import Answering, Calls, read_json
from greenroom.connectors.contract import Capabilities
from greenroom.context import Context
from greenroom.errors import Invalid, NotFound, Refused
from greenroom.intake import Intake
from greenroom.model.accounts import Account
from greenroom.services import cancellations, integrations

PROVIDER = "ashby"
PATH = f"/external-trigger/{PROVIDER}"
#: path names of each call: of customFields.fetch, two older ones are in Ashby's documents
NAMES = {
    "assessment.list": ("assessment.list",),
    "assessment.start": ("assessment.start",),
    "assessment.cancel": ("assessment.cancel",),
    "customFields.fetch": ("customFields.fetch",),
    "customField.list": ("customField.list", "assessment.customField.list"),
}
#: Ashby's words for a refusal that has one
CODES = {"OrderOpen": "assessment_already_started"}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class AshbyCalls:
    """The calls, on one gateway."""

    def __init__(self, ctx: Context, intake: Intake, capabilities: Capabilities) -> None:
        self._ctx = ctx
        self._intake = intake
        self._capabilities = capabilities
        self._calls = Calls(ctx, PROVIDER, lambda request: request.path_params.get("tenant"), render)

    def routes(self) -> list[BaseRoute]:
        """Returns the routes of every call under every name, and one that refuses everything else."""
        answers: dict[str, Answering] = {
            "assessment.list": self.list_assessments,
            "assessment.start": self.start,
            "assessment.cancel": self.cancel,
            "customFields.fetch": self.fetch_custom_fields,
            "customField.list": self.fetch_custom_fields,
        }
        found: list[BaseRoute] = []
        for call, answer in answers.items():
            endpoint = self._calls.endpoint(call, answer)
            for name in NAMES[call]:
                path = f"{PATH}/{{tenant}}/{name}"
                found.append(Route(path, endpoint, methods=["POST"], name=f"{PROVIDER}.{call}"))
        return [
            *found,
            Route(f"{PATH}/{{rest:path}}", self.refuse_unknown, methods=METHODS, name=f"{PROVIDER}.unknown"),
        ]

    async def list_assessments(self, _: Request, account: Account) -> Response:
        """Answers with the packages for the recruiter's drop-down; Ashby's Refresh button calls it, too."""
        return JSONResponse(wire.assessment_list(await self._intake.list_packages(account)))

    async def start(self, request: Request, account: Account) -> Response:
        """Places the order of a recruiter; answers once it is committed."""
        asked = wire.start_request(await read_json(request))
        named = ids.find_package(await self._intake.list_packages(account), asked.package_id)
        if named is None:
            raise Invalid(
                f"There is no assessment type {asked.package_id[:80]} any more. Refresh the list and choose another."
            )
        try:
            integration, package = await self._intake.packages.find(account, named.id)
        except NotFound as error:
            raise Invalid(error.message) from error
        order_id = self._ctx.new_id("ord")
        wanted = replace(asked, package_id=named.id, remote_id=ids.assessment_id(order_id))
        order = await self._intake.place(
            account, wanted, integration, package, self._capabilities, order_id=order_id, answer=wire.started
        )
        request.state.orders = [order.id]
        return JSONResponse(wire.started(order.id))

    async def cancel(self, request: Request, account: Account) -> Response:
        """Cancels an order for the recruiter, and notifies the vendor."""
        given = wire.cancelled_order(await read_json(request))
        order_id = ids.order_id(given)
        if order_id is None:
            raise NotFound(f"There is no assessment {given[:80]}.")
        try:
            order = await cancellations.cancel(self._ctx, account, order_id)
        except NotFound:
            raise NotFound(f"There is no assessment {given[:80]}.") from None
        request.state.orders = [order.id]
        return JSONResponse(wire.started(order.id))

    async def fetch_custom_fields(self, _: Request, account: Account) -> Response:
        """Answers with the questions that Ashby asks the recruiter."""
        integration = await integrations.get(self._ctx, account.project_id, account.provider)
        return JSONResponse(wire.custom_fields(integration.settings.get("questions") or ()))

    async def refuse_unknown(self, request: Request) -> Response:
        """Refuses a path that is no call, such as that of a call without its tenant, or another method than POST."""
        if request.path_params["rest"] in NAMES:
            self._calls.count_refused(request, None, request.path_params["rest"])
        message = f"There is no such call. POST to {PATH}/TENANT/ and one of: {', '.join(NAMES)}."
        return render(request, NotFound(message))


def render(request: Request, refusal: Refused) -> Response:
    """
    Returns a refusal in Ashby's shape; the recruiter reads the `message` of a 422.

    Source: Ashby OpenAPI, error envelope; `errors` is its deprecated form.
    """
    content = {
        "success": False,
        "message": refusal.message,
        "errors": refusal.errors or [refusal.message],
        "errorInfo": {
            "code": CODES.get(refusal.code, refusal.code),
            "message": refusal.message,
            "requestId": getattr(request.state, "request_id", ""),
        },
    }
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    if refusal.status == 401:
        headers["www-authenticate"] = 'Basic realm="Greenroom", charset="UTF-8"'
    return _Answer(content, status_code=refusal.status, headers=headers)


class _Answer(JSONResponse):
    """JSON of a message that may quote half a surrogate pair, which UTF-8 cannot encode."""

    def render(self, content: object) -> bytes:
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
