"""
Traces: one for each event, from its acceptance over every attempt to the result's way back.

Off by default, and then nothing of OpenTelemetry is even imported. A trace crosses processes as a `traceparent`, the
text of W3C Trace Context, which is stored with the event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from greenroom.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span as OpenSpan

#: what a span may say: ids of ours, numbers and words of closed lists. Never a URL, an e-mail address or a header
Attributes = Mapping[str, str | int]
Kind = Literal["server", "client"]


class Span:
    """One step of a trace, under way."""

    def __init__(self, span: OpenSpan) -> None:
        from opentelemetry.trace import set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._span = span
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
        self.traceparent = carrier["traceparent"]

    def note(self, attributes: Attributes) -> None:
        """Add to what it says."""
        self._span.set_attributes(attributes)

    def failed(self, kind: str) -> None:
        """It did not do what it was to do; `kind` is a word of a closed list."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("error.type", kind)
        self._span.set_status(StatusCode.ERROR, kind)


class Tracing:
    """
    Makes spans and exports them in the background, by OTLP over HTTP; where to, how many and under which name is said
    by OpenTelemetry's own `OTEL_…` variables. A collector that is away costs spans, nothing else.
    """

    def __init__(self, provider: TracerProvider, *, forward: bool) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("greenroom")
        self.forward = forward  #: whether webhooks carry their `traceparent`

    @contextmanager
    def span(self, name: str, kind: Kind, *, parent: str | None, attributes: Attributes) -> Iterator[Span]:
        """A step, a new trace's first unless it has a parent; one that raises has failed, with its error's class."""
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
        """Export what is left; takes as long as the exporter's time limit when nobody listens."""
        self._provider.shutdown()


def open_tracing(settings: Settings, *, version: str) -> Tracing | None:
    """Tracing as the settings want it; None: off."""
    if settings.tracing == "off":
        return None
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource.create({"service.name": "greenroom", "service.version": version})
    # what the environment says (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES) wins
    provider = TracerProvider(resource=ours.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider, forward=settings.tracing == "forward")
