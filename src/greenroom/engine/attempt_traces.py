"""Trace spans of delivery attempts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from greenroom.model.attempts import FinishedAttempt
from greenroom.model.deliveries import Claimed
from greenroom.outbound import Request
from greenroom.tracing import Span, Tracing


class AttemptSpan:
    """The span of one attempt; does nothing where tracing is off."""

    def __init__(self, span: Span | None, *, forward: bool) -> None:
        self._span = span
        self._forward = forward

    def add_traceparent(self, request: Request) -> Request:
        """Returns the request with a `traceparent` header if the operator forwards it; the header is not signed."""
        if self._span is None or not self._forward:
            return request
        return replace(request, headers={**request.headers, "traceparent": self._span.traceparent})

    def ended(self, ended: FinishedAttempt) -> None:
        """Records the attempt's status and the kind of its fault on the span."""
        if self._span is None:
            return
        if ended.exchange.status is not None:
            self._span.note({"http.response.status_code": ended.exchange.status})
        if ended.fault is not None:
            self._span.failed(ended.fault.kind)


@contextmanager
def trace_attempt(tracing: Tracing | None, claimed: Claimed) -> Iterator[AttemptSpan]:
    """Opens a span around one attempt, within the trace of its event."""
    if tracing is None:
        yield AttemptSpan(None, forward=False)
        return
    attributes = {
        "greenroom.lane": claimed.lane,
        "greenroom.attempt": claimed.attempt,
        "greenroom.trigger": claimed.trigger,
        "greenroom.event_id": claimed.event_id,
        "greenroom.delivery_id": claimed.id,
        "greenroom.destination_id": claimed.destination_id,
        **({"greenroom.order_id": claimed.order_id} if claimed.order_id else {}),
    }
    with tracing.span("attempt", "client", parent=claimed.trace, attributes=attributes) as span:
        yield AttemptSpan(span, forward=tracing.forward and claimed.lane == "vendor")
