"""Each event has one trace, over processes and in both directions, as a real collector receives it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.house import ADA, RESULT, Linked, basic, neighbour, webhook
from tests.support.gateways import Gateway, gateway, set_up


@dataclass
class Collector:
    """An OTLP receiver."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    async def receive(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for one in sent.resource_spans:
            self.services |= {each.value.string_value for each in one.resource.attributes if each.key == "service.name"}
            self.spans += [span for scope in one.scope_spans for span in scope.spans]
        return web.Response(body=b"", content_type="application/x-protobuf")

    async def collect(self, names: list[str]) -> list[Span]:
        """Waits for spans of these names, each as often as it is named; returns all spans by start time."""
        async with asyncio.timeout(20):
            while sorted(span.name for span in self.spans) != sorted(names):
                await asyncio.sleep(0.02)
        return sorted(self.spans, key=lambda span: span.start_time_unix_nano)


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """Runs a collector on a free loopback port."""
    one = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", one.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


def said(span: Span) -> dict[str, Any]:
    """Returns a span's attributes."""
    return {
        each.key: each.value.string_value if each.value.HasField("string_value") else each.value.int_value
        for each in span.attributes
    }


def trace_to(one: Gateway, collecting: str, tracing: str) -> None:
    one.environment |= {
        "GREENROOM_TRACING": tracing,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collecting,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "NO_PROXY": "127.0.0.1",
    }


class Parties:
    """Clients for Greenhouse's and the vendor's calls, with their credentials."""

    def __init__(self, one: Gateway, client: httpx2.AsyncClient, key: str, account: str, token: str) -> None:
        self.gateway, self.client, self.account = one, client, account
        self.key, self.token = {"authorization": basic(key)}, {"authorization": basic(token)}

    async def call(self, name: str, **kwargs: Any) -> Any:
        path = f"{self.gateway.url}/external-trigger/greenhouse/{name}"
        answer = await self.client.request(kwargs.pop("method", "GET"), path, headers=self.token, **kwargs)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def api(self, method: str, path: str, **kwargs: Any) -> Any:
        headers = {**self.key, "x-account-id": self.account}
        answer = await self.client.request(method, self.gateway.url + path, headers=headers, **kwargs)
        assert answer.is_success, answer.text
        return answer.json()

    async def attempted(self, order: str) -> dict[str, Any]:
        """Returns the order's delivery to the vendor, once an attempt is recorded."""
        async with asyncio.timeout(20):
            while True:
                (delivery,) = (await self.api("GET", f"/v1/deliveries?order_id={order}&lane=vendor"))["data"]
                if delivery["attempts"]:
                    return dict(delivery)
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("tracing", ["on", "forward"])
async def test_one_trace_from_the_recruiter_to_the_kit(tmp_path: Path, tracing: str) -> None:
    """A failed attempt, a retry by another process and the result are in one trace, without personal data."""
    async with (
        collector() as collecting,
        neighbour() as greenhouse,
        neighbour() as vendor,
        gateway(tmp_path / "data", None) as one,
        httpx2.AsyncClient(timeout=20) as client,
    ):
        trace_to(one, collecting.url, tracing)
        credentials = await set_up(one, vendor)
        parties = Parties(one, client, *credentials)
        vendor.will_answer((503, {"retry-after": "3600"}, b""), 200)
        body = {"partner_test_id": "pkg_core_sql", "candidate": ADA, "url": f"{greenhouse.url}/take_home_tests/1"}
        sent = await parties.call("send_test?tenant-id=proctor", method="POST", json=body)
        order = sent["partner_interview_id"]
        delivery = await parties.attempted(order)
        assert await one.kill(signal.SIGTERM) == 0
        await one.start()
        await parties.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
        await vendor.receive(2)
        await parties.api("PATCH", f"/unified/ats/assessments/orders/{order}/result", json=RESULT)
        await greenhouse.receive(1)
        await parties.call(f"test_status?tenant-id=proctor&partner_interview_id={order}")

        names = ["accept order", "attempt", "attempt", "record result", "attempt", "ATS reads result"]
        spans = await collecting.collect(names)

        first, failed, again, recorded, pushed, read = spans
        assert [span.name for span in spans][:4] == names[:4]
        assert {span.trace_id for span in spans} == {first.trace_id}
        assert first.parent_span_id == b""
        assert {span.parent_span_id for span in (failed, again, recorded)} == {first.span_id}
        pushed, read = sorted((pushed, read), key=lambda span: span.name == "ATS reads result")
        assert (pushed.parent_span_id, read.parent_span_id) == (recorded.span_id, first.span_id)
        assert failed.status.code == Status.STATUS_CODE_ERROR
        assert {one.status.code for one in spans if one is not failed} == {Status.STATUS_CODE_UNSET}
        assert said(failed)["http.response.status_code"] == 503
        assert said(failed)["error.type"] == "http_status"
        assert [said(span)["greenroom.attempt"] for span in (failed, again, pushed)] == [1, 2, 1]
        assert [said(span)["greenroom.lane"] for span in (again, pushed)] == ["vendor", "ats"]
        assert {said(span)["greenroom.order_id"] for span in spans} == {order}
        assert collecting.services == {"greenroom"}
        everything = str([said(span) for span in spans] + [span.status.message for span in spans])
        private = ["http:", "@", "Ada", "Authorization", credentials[0], credentials[2], "whsec_"]
        assert [word for word in private if word in everything] == []
        carried = [received.headers.get("traceparent", "").rpartition("-")[0] for received in vendor.received]
        ids = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}" for span in (failed, again)]
        assert carried == (ids if tracing == "forward" else ["", ""])
        assert "traceparent" not in greenhouse.received[0].headers


async def test_without_a_collector_everything_else_goes_on(tmp_path: Path) -> None:
    """Without a collector spans are lost, orders are delivered, and the process stops normally."""
    async with (
        neighbour() as vendor,
        gateway(tmp_path / "data", None) as one,
        httpx2.AsyncClient(timeout=20) as client,
    ):
        trace_to(one, "http://127.0.0.1:9", "on")
        parties = Parties(one, client, *await set_up(one, vendor))
        body = {"partner_test_id": "pkg_core_sql", "candidate": ADA}
        order = (await parties.call("send_test?tenant-id=proctor", method="POST", json=body))["partner_interview_id"]
        assert (await parties.attempted(order))["state"] == "delivered"

        assert await one.kill(signal.SIGTERM) == 0


async def test_without_tracing_there_is_no_header_column_or_import(northwind: Linked) -> None:
    """Without tracing there is no header, no column value and no import of OpenTelemetry."""
    await webhook(northwind)
    await northwind.send_test()
    (received,) = await northwind.house.vendor.receive(1)

    assert "traceparent" not in received.headers
    rows = await northwind.house.app.state.ctx.store.read(lambda tx: tx.all("SELECT trace FROM events"))
    assert {row["trace"] for row in rows} == {None}
    code = (
        "import sys, greenroom.cli; assert not [name for name in sys.modules if name.startswith('opentelemetry.sdk')]"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
