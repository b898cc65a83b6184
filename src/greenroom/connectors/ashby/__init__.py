"""Ashby, through its assessment partner calls."""

from __future__ import annotations

from urllib.parse import quote

from starlette.routing import BaseRoute

from greenroom.connectors.ashby import configuration, preview, push, routes
from greenroom.connectors.contract import FieldPreview, Nudging, Push, read_manifest
from greenroom.context import Context
from greenroom.intake import Intake
from greenroom.model.orders import Order
from greenroom.model.results import Result
from greenroom.outbound import Answer, Request


class Ashby:
    """The `Connector` for Ashby."""

    manifest = read_manifest(__name__)
    configuration_fields = configuration.FIELDS
    credential_fields = configuration.CREDENTIALS
    result_fields = preview.RESULT_FIELDS
    nudging: Nudging | None = None
    access = None
    enrichment = None

    def routes(self, ctx: Context, intake: Intake) -> list[BaseRoute]:
        return routes.AshbyCalls(ctx, intake, self.manifest.capabilities).routes()

    def endpoints(self, public_url: str, tenant_id: str | None) -> dict[str, str]:
        tenant = quote(tenant_id or "YOUR_TENANT_ID", safe="")
        return {call: f"{public_url}{routes.PATH}/{tenant}/{call}" for call in self.manifest.calls}

    def push_request(self, asked: Push) -> Request:
        return push.push_request(asked)

    def judge(self, answer: Answer) -> None:
        push.judge(answer)

    def preview(self, order: Order, result: Result) -> list[FieldPreview]:
        return preview.preview(result)


connector = Ashby()
