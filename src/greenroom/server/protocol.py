"""HTTP/1.1 as uvicorn speaks it, with the bounds that uvicorn leaves to a proxy: heads, deadlines, connections."""

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

#: of a request line with its headers, and of the trailers after a chunked body
HEAD_BYTES = 64 * 1024
HEAD_LINES = 200
#: from the connection, or from a request's first byte, until its head is complete
HEAD_S = 15.0
#: for a body, as long as we are ready to read it: 18 KiB a second for the largest that is accepted
BODY_S = 60.0
#: how long a connection is kept without a request: longer than the minute of the usual load balancer, whose next
#: request would otherwise meet the close
KEEP_ALIVE_S = 75
#: for a client to read what it asked for
SEND_S = 120.0
#: after a refusal, the client's bytes are discarded for so long: a close with unread bytes would take the answer back
LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024


class State(ServerState):
    """
    The connections of one server: `most` of them at a time.

    `waiting` has those that wait for a request of their client's, the longest wait first.
    """

    connections: set[Protocol]  # type: ignore[assignment]

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.waiting: dict[Protocol, None] = {}

    def close_longest_waiting(self) -> bool:
        """Close the connection that has waited longest for its client; False: every client waits for us."""
        oldest = next(iter(self.waiting), None)
        if oldest is None:
            slow = (one for one in self.connections if one.is_receiving_body)
            oldest = min(slow, key=lambda one: one.waiting_since, default=None)
        if oldest is None:
            return False
        oldest.drop()
        return True

    def enforce_deadlines(self, now: float) -> None:
        """Close the connections whose client takes too long; `now` is the event loop's time."""
        for connection in tuple(self.connections):
            connection.enforce_deadlines(now)


class Protocol(HttpToolsProtocol):
    """One connection."""

    server_state: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: when the connection began to wait for its client
        self.waiting_since = self.loop.time()
        self._sent_at = self.waiting_since
        self._head_begun = False  # some bytes of the next head were read
        self._in_body = False  # the head was read, the end of the body not yet
        self._head_size = self._head_lines = 0
        self._moved = False  # the bytes just read completed a head, or belonged to a body
        self._unparsed = 0  # bytes since then
        self._discarded = 0
        self._problem: Refused | None = None  # why nothing more is read
        self._lingering = False

    @property
    def is_receiving_body(self) -> bool:
        """Whether the rest of a body is to come from the client, and we are ready to read it."""
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
        self._moved = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # no other protocol is spoken here: the request is answered, and nothing after it can be parsed
            self.cycle.keep_alive = False
            self._problem = BadRequest("Only HTTP/1.1 is spoken here.")
        except httptools.HttpParserError as error:
            self._refuse(self._problem or BadRequest(f"This is not a valid HTTP/1.1 request: {_reason(error)}."))
        else:
            self._unparsed = 0 if self._moved else self._unparsed + len(data)
            if self._unparsed > HEAD_BYTES:
                self._refuse(HeadTooLarge())

    # callbacks of the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_size = self._head_lines = 0
        self._head_begun = True
        if self.cycle is not None:  # the first head is due from the connection's start
            self.waiting_since = self.loop.time()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_lines += 1
        self._count(len(name) + len(value) + 4)
        if not self._in_body:  # a trailer is no header: what it says comes after the request was judged
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._moved = self._in_body = True
        self._head_size = self._head_lines = 0
        self._head_begun = False
        self.waiting_since = self.loop.time()
        self.server_state.waiting.pop(self, None)

    def on_body(self, body: bytes) -> None:
        self._moved = True
        if self.cycle.response_complete:
            self._discard(len(body))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._moved = True
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

    # bounds

    def enforce_deadlines(self, now: float) -> None:
        """Refuse, or close, if the client has taken too long."""
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
        if self.flow.read_paused:  # the client waits for us
            self.waiting_since = now
        elif waited > BODY_S:
            self._refuse(TooSlow(f"The body was not received within {BODY_S:.0f} s."))

    def _enforce_head(self, waited: float) -> None:
        if self._head_begun and waited > HEAD_S:
            self._refuse(TooSlow(f"The head of the request was not received within {HEAD_S:.0f} s."))
        elif waited > (HEAD_S if self.cycle is None else KEEP_ALIVE_S):
            self.drop()

    def drop(self) -> None:
        """Close the connection at once."""
        self.server_state.waiting.pop(self, None)
        self.connections.discard(self)
        self.transport.abort()

    def shutdown(self) -> None:
        """Close the connection, after the answer to the request that is in flight."""
        if self._lingering:
            self.transport.close()
        else:
            super().shutdown()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_BYTES or self._head_lines > HEAD_LINES:
            self._problem = HeadTooLarge()
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
        """Read nothing more, and say why if the refused request is the one to be answered next."""
        self._problem = problem
        if logged:
            client = self.client[0] if self.client else None
            log.info("request_malformed", status=problem.status, reason=problem.message, client=client)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering and (self.pipeline or not self._in_body):
            # an earlier request is being answered: the connection ends with that answer
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
    """The parser's own words, without the client's: what a callback of ours raised may quote the request."""
    if isinstance(error, httptools.HttpParserCallbackError):
        return "its target or a header cannot be read"
    return str(error)[:100].rstrip(".")


def _bytes(response: Response, more: list[tuple[bytes, bytes]]) -> bytes:
    """A response as it goes over the wire, the last one of its connection."""
    own = [*response.raw_headers, *missing(response.raw_headers, https=False), (b"connection", b"close")]
    headers = [*(one for one in more if one[0] != b"connection"), *own]
    head = STATUS_LINE[response.status_code] + b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    return head + b"\r\n" + bytes(response.body)
