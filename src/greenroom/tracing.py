"""
OpenTelemetry traces, one for each event, from acceptance to the result.

Off by default, and then OpenTelemetry is not even imported. A trace crosses processes as a `traceparent`, the text of
W3C Trace Context, which is stored with the event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from greenroom.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OpenSpan

#: attributes of a span: Greenroom's ids, numbers and words of closed lists. Never a URL, an e-mail address or a header
Attributes = Mapping[str, str | int]
Kind = Literal["server", "client"]


class Span:
    """A span that has not ended."""

    def __init__(self, span: OpenSpan) -> None:
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._span = span
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
        self.traceparent = carrier["traceparent"]

    def note(self, attributes: Attributes) -> None:
        """Adds attributes."""
        self._span.set_attributes(attributes)

    def failed(self, kind: str) -> None:
        """Marks the span as failed; `kind` is a word of a closed list."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR, kind)


class Tracing:
    """
    Makes spans and exports them in the background, by OTLP over HTTP.

    OpenTelemetry's own `OTEL_…` variables set the collector, the sampling and the service name. While the collector is
    unreachable spans are lost; there is no other effect.
    """

    def __init__(self, provider: TracerProvider, *, forward: bool) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("greenroom")
        self.forward = forward  #: whether webhooks carry their `traceparent`

    @contextmanager
    def span(self, name: str, kind: Kind, *, parent: str | None, attributes: Attributes) -> Iterator[Span]:
        """
        Runs the block in a span, which starts a new trace unless it has a parent.

        An exception marks the span as failed, with the class of the exception.
        """
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract({"traceparent": parent} if parent else {})
        opened = self._tracer.start_span(name, context, SpanKind[kind.upper()], dict(attributes))
        span = Span(opened)
        try:
            yield span
        except BaseException as error:
            span.failed(type(error).__name__)
            raise
        finally:
            opened.end()

    def close(self) -> None:
        """Exports the remaining spans; waits up to the exporter's timeout for the collector."""
        self._provider.shutdown()


def describe_process(version: str) -> Resource:
    """Returns the resource of this process; the environment (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) wins."""
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource

    ours = Resource.create({"service.name": "greenroom", "service.version": version})
    return ours.merge(OTELResourceDetector().detect())


def open_tracing(settings: Settings, *, version: str) -> Tracing | None:
    """Returns the tracing that the settings ask for; None when it is off."""
    if settings.tracing == "off":
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=describe_process(version), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider, forward=settings.tracing == "forward")
