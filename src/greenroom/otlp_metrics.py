"""
The figures of `/metrics`, exported by OTLP over HTTP.

Off by default, and then OpenTelemetry is not even imported. Prometheus' registry stays the only place where figures are
counted; each export is a reading of it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import Metric as Family

from greenroom.tracing import describe_process

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import Metric, MetricExporter, MetricsData
    from opentelemetry.sdk.resources import Resource

#: seconds between two exports, unless OTEL_METRIC_EXPORT_INTERVAL (milliseconds) says otherwise
INTERVAL_S = 60.0


class MetricsExport:
    """Sends the registry's figures; an export that fails is logged by OpenTelemetry and has no other effect."""

    def __init__(self, exporter: MetricExporter, resource: Resource) -> None:
        self._exporter = exporter
        self._resource = resource
        self._since = time.time_ns()
        self.interval_s = _interval_s()

    def send(self) -> None:
        """Sends one reading; blocks up to the exporter's timeout."""
        self._exporter.export(read_figures(REGISTRY, self._resource, since=self._since))

    def close(self) -> None:
        """Sends a last reading."""
        self.send()
        self._exporter.shutdown()


def open_metrics_export(version: str) -> MetricsExport:
    """Returns the export that OpenTelemetry's `OTEL_…` variables describe."""
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    return MetricsExport(OTLPMetricExporter(), describe_process(version))


def read_figures(registry: CollectorRegistry, resource: Resource, *, since: int) -> MetricsData:
    """Returns a registry's figures, counted from `since` (ns since 1970) until now."""
    from opentelemetry.sdk.metrics import export
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    times: dict[str, Any] = {"start_time_unix_nano": since, "time_unix_nano": time.time_ns()}
    metrics = [metric for family in registry.collect() if (metric := _metric(family, times)) is not None]
    scope = export.ScopeMetrics(InstrumentationScope("greenroom"), metrics, "")
    return export.MetricsData([export.ResourceMetrics(resource, [scope], "")])


def _metric(family: Family, times: dict[str, Any]) -> Metric | None:
    from opentelemetry.sdk.metrics import export

    cumulative = export.AggregationTemporality.CUMULATIVE
    data: Any = None
    if family.type == "histogram":
        data = export.Histogram(list(_histograms(family, times)), cumulative)
    else:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        points = [
            export.NumberDataPoint(attributes=dict(one.labels), value=one.value, **times)
            for one in family.samples
            if one.name == name
        ]
        if family.type == "counter":
            data = export.Sum(points, cumulative, is_monotonic=True)
        elif family.type == "gauge":
            data = export.Gauge(points)
    return export.Metric(family.name, family.documentation, "", data) if data and data.data_points else None


def _histograms(family: Family, times: dict[str, Any]) -> Iterable[Any]:
    """Returns a point for each combination of labels; Prometheus' buckets are cumulative, OTLP's are not."""
    from opentelemetry.sdk.metrics import export

    found: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for one in family.samples:
        labels = {name: value for name, value in one.labels.items() if name != "le"}
        point = found.setdefault(tuple(labels.items()), {"labels": labels, "buckets": [], "sum": 0.0, "count": 0})
        if one.name.endswith("_bucket"):
            point["buckets"].append((float(one.labels["le"]), int(one.value)))
        elif one.name.endswith("_sum"):
            point["sum"] = one.value
        elif one.name.endswith("_count"):
            point["count"] = int(one.value)
    for point in found.values():
        counts = [count for _, count in sorted(point["buckets"])]
        yield export.HistogramDataPoint(
            attributes=point["labels"],
            count=point["count"],
            sum=point["sum"],
            bucket_counts=[count - before for before, count in zip([0, *counts], counts, strict=False)],
            explicit_bounds=sorted(bound for bound, _ in point["buckets"])[:-1],
            min=None,  # type: ignore[arg-type]  # Prometheus has neither; the exporter leaves them out
            max=None,  # type: ignore[arg-type]
            **times,
        )


def _interval_s() -> float:
    try:
        return max(float(os.environ["OTEL_METRIC_EXPORT_INTERVAL"]) / 1000, 0.05)
    except (KeyError, ValueError):
        return INTERVAL_S
