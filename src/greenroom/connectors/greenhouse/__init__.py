"""Greenhouse, through its Assessment Partner API."""

from __future__ import annotations

from urllib.parse import quote

from starlette.routing import BaseRoute

from greenroom.connectors.contract import FieldPreview, Push, read_manifest
from greenroom.connectors.greenhouse import configuration, nudging, preview, push, recruiting, routes, wire
from greenroom.connectors.greenhouse.enrichment import ENRICHMENT
from greenroom.connectors.greenhouse.harvest import ACCESS
from greenroom.context import Context
from greenroom.intake import Intake
from greenroom.model.orders import Order
from greenroom.model.results import Result
from greenroom.outbound import Answer, Request


class Greenhouse:
    """The `Connector` for Greenhouse."""

    manifest = read_manifest(__name__)
    configuration_fields = configuration.FIELDS
    credential_fields = configuration.CREDENTIALS
    result_fields = wire.RESULT_FIELDS
    nudging = nudging.NUDGING
    access = ACCESS
    enrichment = ENRICHMENT

    def routes(self, ctx: Context, intake: Intake) -> list[BaseRoute]:
        calls = routes.GreenhouseCalls(ctx, intake, self.manifest.capabilities).routes()
        return [*calls, *recruiting.RecruitingWebhooks(ctx).routes()]

    def endpoints(self, public_url: str, tenant_id: str | None) -> dict[str, str]:
        tenant = quote(tenant_id or "YOUR_TENANT_ID", safe="")
        return {
            call: f"{public_url}/external-trigger/{routes.PROVIDER}/{call}?tenant-id={tenant}"
            for call in self.manifest.calls
        }

    def push_request(self, asked: Push) -> Request:
        return push.push_request(asked)

    def judge(self, answer: Answer) -> None:
        push.judge(answer)

    def preview(self, order: Order, result: Result) -> list[FieldPreview]:
        return preview.preview(order, result)


connector = Greenhouse()
