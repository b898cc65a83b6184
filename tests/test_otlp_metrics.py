"""The figures of the Prometheus registry, as a real OTLP collector receives them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from greenroom.app import open_gateway
from greenroom.otlp_metrics import open_metrics_export, read_figures
from greenroom.settings import Settings


@pytest.fixture
async def received(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a collector, which the environment names; yields the metrics that arrive, by name."""
    metrics: dict[str, Any] = {}

    async def receive(request: web.Request) -> web.Response:
        sent = ExportMetricsServiceRequest.FromString(await request.read())
        for one in sent.resource_metrics[0].scope_metrics[0].metrics:
            metrics[one.name] = one
        return web.Response(body=b"", content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/metrics", receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield metrics
    await runner.cleanup()


async def test_a_gateway_exports_its_figures(received: dict[str, Any], tmp_path: Path) -> None:
    """Counters and histograms of the process, and the gauges that are read from the database."""
    async with open_gateway(Settings(data_dir=tmp_path / "data", otlp_metrics=True)), asyncio.timeout(20):
        while "greenroom_deliveries_stuck" not in received:
            await asyncio.sleep(0.02)

    states = {
        point.attributes[0].value.string_value for point in received["greenroom_deliveries_stuck"].gauge.data_points
    }
    assert states == {"held", "dead"}
    assert received["greenroom_events_accepted"].sum.is_monotonic


def test_each_kind_of_figure_is_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prometheus' cumulative buckets become OTLP's; labels become attributes."""
    registry = CollectorRegistry()
    Counter("calls", "Calls.", ["result"], registry=registry).labels("ok").inc(3)
    Gauge("depth", "Depth.", registry=registry).set(2.5)
    histogram = Histogram("took", "Took.", ["lane"], buckets=[1, 5], registry=registry)
    for value in (0.5, 0.7, 3, 9):
        histogram.labels("ats").observe(value)
    export = open_metrics_export("1")

    figures = read_figures(registry, export._resource, since=1)
    metrics: list[Any] = list(figures.resource_metrics[0].scope_metrics[0].metrics)
    calls, depth, took = (one.data.data_points[0] for one in metrics)
    export._exporter.shutdown()

    assert (calls.attributes, calls.value, depth.value) == ({"result": "ok"}, 3, 2.5)
    assert (took.attributes, took.count, took.sum) == ({"lane": "ats"}, 4, pytest.approx(13.2))
    assert (list(took.explicit_bounds), list(took.bucket_counts)) == ([1, 5], [2, 1, 1])
