"""
uvicorn's HTTP/1.1 protocol, with limits on heads, time and connections.

uvicorn leaves these limits to a proxy.
"""

from __future__ import annotations

from typing import Any

import httptools
import structlog
from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from greenroom.api.faults import render
from greenroom.errors import BadRequest, HeadTooLarge, Refused, TooManyConnections, TooSlow
from greenroom.security.headers import missing

log = structlog.get_logger("greenroom.server")

#: bytes and lines of a request line with its headers, or of the trailers after a chunked body, at most
HEAD_BYTES = 64 * 1024
HEAD_LINES = 200
#: seconds from the connection, or from a request's first byte, until its head is complete
HEAD_S = 15.0
#: seconds for a body while the application reads it: 18 KiB a second for the largest that is accepted
BODY_S = 60.0
#: seconds that an idle connection is kept: longer than the minute of the usual load balancer, whose next request could
#: otherwise meet a closed connection
KEEP_ALIVE_S = 75
#: seconds for a client to read its answer
SEND_S = 120.0
#: seconds and bytes to discard after a refusal: a close with unread bytes would reset the connection before the
#: client has read the answer
LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024


class State(ServerState):
    """
    The connections of one server: `most` of them at a time.

    `waiting` has those that wait for a request from their client, the longest wait first.
    """

    connections: set[Protocol]  # type: ignore[assignment]

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.waiting: dict[Protocol, None] = {}

    def close_longest_waiting(self) -> bool:
        """
        Closes the connection that has waited longest for its client.

        Returns False when there is none, because every client waits for an answer.
        """
        oldest = next(iter(self.waiting), None)
        if oldest is None:
            slow = (one for one in self.connections if one.is_receiving_body)
            oldest = min(slow, key=lambda one: one.waiting_since, default=None)
        if oldest is None:
            return False
        oldest.drop()
        return True

    def enforce_deadlines(self, now: float) -> None:
        """
        Closes the connections whose client takes too long.

        `now` is the event loop's time.
        """
        for connection in tuple(self.connections):
            connection.enforce_deadlines(now)


class Protocol(HttpToolsProtocol):
    """One connection of a client."""

    server_state: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: the event loop's time at which the connection began to wait for its client
        self.waiting_since = self.loop.time()
        self._sent_at = self.waiting_since
        self._head_begun = False  # the next head was begun
        self._in_body = False  # the head is complete, the body is not
        self._head_size = self._head_lines = 0
        self._progressed = False  # the last read completed a head, or was part of a body
        self._unparsed = 0  # bytes read since the last progress
        self._discarded = 0
        self._problem: Refused | None = None  # the refusal, after which no bytes are parsed
        self._lingering = False

    @property
    def is_receiving_body(self) -> bool:
        """Returns whether a body is incomplete and the application is ready to read it."""
        return self._in_body and not self.flow.read_paused

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.server_state.most and not self.server_state.close_longest_waiting():
            self._refuse(TooManyConnections(), logged=False)
            return
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self.server_state.waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._problem is not None:
            self._discard(len(data))
            return
        self._progressed = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # there is no other protocol to switch to: the request is answered, and the parser cannot go on after it
            self.cycle.keep_alive = False
            self._problem = BadRequest("Only HTTP/1.1 is spoken here.")
        except httptools.HttpParserError as error:
            self._refuse(self._problem or BadRequest(f"This is not a valid HTTP/1.1 request: {_reason(error)}."))
        else:
            self._unparsed = 0 if self._progressed else self._unparsed + len(data)
            if self._unparsed > HEAD_BYTES:
                self._refuse(HeadTooLarge(max_bytes=HEAD_BYTES, max_headers=HEAD_LINES))

    # callbacks of the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = self._head_lines = 0
        self._head_begun = True
        if self.cycle is not None:  # the deadline of the first head runs from the connection
            self.waiting_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_lines += 1
        self._count(len(name) + len(value) + 4)
        if not self._in_body:  # a trailer is not a header: the request has been authenticated already
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._progressed = self._in_body = True
        self._head_size = self._head_lines = 0
        self._head_begun = False
        self.waiting_since = self.loop.time()
        self.server_state.waiting.pop(self, None)

    def on_body(self, body: bytes) -> None:
        self._progressed = True
        if self.cycle.response_complete:
            self._discard(len(body))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._progressed = True
        self._in_body = False
        if self.cycle.response_complete:
            self._wait()

    def on_response_complete(self) -> None:
        if self._problem is not None:
            self.transport.close()
            return
        super().on_response_complete()
        if self.cycle.response_complete and not self._in_body:
            self._wait()

    # limits

    def enforce_deadlines(self, now: float) -> None:
        """Refuses the request, or closes the connection, if the client has taken too long."""
        if not self.transport.get_write_buffer_size():
            self._sent_at = now
        waited = now - self.waiting_since
        if now - self._sent_at > SEND_S or (self._lingering and waited > LINGER_S):
            self.drop()
        elif self._problem is not None:
            return
        elif self._in_body:
            self._enforce_body(now, waited)
        elif self in self.server_state.waiting:
            self._enforce_head(waited)

    def _enforce_body(self, now: float, waited: float) -> None:
        if self.flow.read_paused:  # the client waits for the application
            self.waiting_since = now
        elif waited > BODY_S:
            self._refuse(TooSlow(f"The body was not received within {BODY_S:.0f} s."))

    def _enforce_head(self, waited: float) -> None:
        if self._head_begun and waited > HEAD_S:
            self._refuse(TooSlow(f"The head of the request was not received within {HEAD_S:.0f} s."))
        elif waited > (HEAD_S if self.cycle is None else KEEP_ALIVE_S):
            self.drop()

    def drop(self) -> None:
        """Closes the connection at once."""
        self.server_state.waiting.pop(self, None)
        self.connections.discard(self)
        self.transport.abort()

    def shutdown(self) -> None:
        """Closes the connection, after the answer to the request in flight."""
        if self._lingering:
            self.transport.close()
        else:
            super().shutdown()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_BYTES or self._head_lines > HEAD_LINES:
            self._problem = HeadTooLarge(max_bytes=HEAD_BYTES, max_headers=HEAD_LINES)
            raise self._problem  # the parser stops here

    def _wait(self) -> None:
        self.waiting_since = self.loop.time()
        self.server_state.waiting.pop(self, None)
        self.server_state.waiting[self] = None

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > LINGER_BYTES:
            self.drop()

    def _refuse(self, problem: Refused, *, logged: bool = True) -> None:
        """Stops parsing, and sends the refusal if no earlier answer is pending."""
        self._problem = problem
        if logged:
            client = self.client[0] if self.client else None
            log.info("request_malformed", status=problem.status, reason=problem.message, client=client)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and (self.pipeline or not self._in_body):
            # an earlier request is being answered: the connection is closed after that answer
            self.pipeline.clear()
            return
        if answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.transport.is_closing():
            return
        if self._in_body and self.cycle.response_started:
            self.transport.close()
            return
        self.flow.resume_reading()
        self.transport.write(_bytes(render(problem), self.server_state.default_headers))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._lingering = True
        self._wait()


def _reason(error: httptools.HttpParserError) -> str:
    """
    Returns the parser's own message.

    The message of an exception in a callback may quote the request, so it is replaced.
    """
    if isinstance(error, httptools.HttpParserCallbackError):
        return "its target or a header cannot be read"
    return str(error)[:100].rstrip(".")


def _bytes(response: Response, more: list[tuple[bytes, bytes]]) -> bytes:
    """Returns a response as it goes over the wire, the last one of its connection."""
    own = [*response.raw_headers, *missing(response.raw_headers, https=False), (b"connection", b"close")]
    headers = [*(one for one in more if one[0] != b"connection"), *own]
    head = STATUS_LINE[response.status_code] + b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return head + b"\r\n" + bytes(response.body)
