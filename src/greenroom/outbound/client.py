"""
An HTTP/1.1 client for `Outbound`: one request, one answer, over kept connections.

Answers are parsed by llhttp, by way of httptools. Bodies are not decoded, redirects are not followed, and no request is
sent twice.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from socket import socket
from typing import NamedTuple, TypeVar, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

#: bytes of an answer besides its body, at most: heads, interim answers, trailers …
MAX_HEAD = 64 * 1024
#: … and this many more for each byte of its body, so that a body in small chunks is accepted
MAX_FRAMING = 8
#: methods whose requests without a body have no Content-Length (RFC 9110, 8.6)
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: seconds to wait for connections to close
_CLOSING_S = 1.0

T = TypeVar("T")


class NotHttp(Exception):
    """An answer that is not HTTP/1.1, or whose head is over the limit."""


class Origin(NamedTuple):
    """The host (a name or a literal address), port and scheme of a connection."""

    host: str
    port: int
    tls: bool


class Reply:
    """
    The part of an answer received so far; `status` is 0 until its head is complete.

    Header names are lower case. `body` never grows beyond `most` bytes; `whole` is set when the answer is complete.
    `address` is the peer's address, None before the connection. The answer to HEAD has no body, whatever its head says.
    """

    __slots__ = ("address", "body", "has_body", "headers", "most", "status", "whole")

    def __init__(self, method: str, most: int) -> None:
        self.has_body = method != "HEAD"
        self.most = most
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.whole = False
        self.address: str | None = None


def request_bytes(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """
    Returns the bytes of a request on the wire.

    The names in `headers` are lower case; "host" is among them, "content-length" is not.

    Raises:
        ValueError: a header contains a line break.
    """
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    if body is not None or method not in _BODILESS:
        lines.append(f"content-length: {len(body or b'')}")
    head = "\r\n".join(lines)
    if not head.count("\r") == head.count("\n") == len(lines) - 1 or "\0" in head:
        raise ValueError("a header has a line break in it")
    return f"{head}\r\n\r\n".encode() + (body or b"")


class Pool:
    """
    Connections, each used by one exchange at a time and kept for `keep_s` seconds after it.

    `connect` returns a connected socket. At most `limit` exchanges are in flight, further ones wait for a slot. While
    more than `limit` connections are open, none is kept after its exchange.
    """

    def __init__(
        self, connect: Callable[[Origin], Awaitable[socket]], *, tls: ssl.SSLContext, limit: int, keep_s: float
    ) -> None:
        self._connect = connect
        self._tls = tls
        self._limit = limit
        self._keep_s = keep_s
        self._slots = asyncio.Semaphore(limit)
        self._open: set[_Connection] = set()
        self._idle: defaultdict[Origin, list[_Connection]] = defaultdict(list)
        self._cleanup: asyncio.TimerHandle | None = None

    async def ask(self, origin: Origin, request: Callable[[], bytes], reply: Reply, *, until: float) -> None:
        """
        Sends a request and fills `reply` until the answer is complete or at its limit.

        `request` is called once the connection is established, and its bytes are written at once. `until` is a time of
        the event loop's clock. After an error, too, `reply` has the part that was received.

        Raises:
            TimeoutError: the answer was not complete in time.
            OSError: no connection (`reply.address` is None then), or it broke.
            ssl.SSLError: no TLS that can be trusted.
            NotHttp: the answer cannot be read.

        Errors of `request` are raised, too; no byte was sent then.
        """
        await _within(until, self._slots.acquire(), at_once=not self._slots.locked())
        try:
            connection = self._get_idle(origin)
            if connection is None:
                connection = await _within(until, self._open_connection(origin))
            reply.address = connection.address
            try:
                await connection.exchange(request, reply, until)
            finally:
                self._release(origin, connection)
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Closes every connection."""
        if self._cleanup is not None:
            self._cleanup.cancel()
        for connection in list(self._open):
            connection.abort()
        lost = [connection.lost for connection in self._open]
        if lost:
            await asyncio.wait(lost, timeout=_CLOSING_S)

    async def _open_connection(self, origin: Origin) -> _Connection:
        connection = _Connection()
        tls = (self._tls, origin.host.rstrip(".")) if origin.tls else (None, None)
        connected = await self._connect(origin)
        await asyncio.get_running_loop().create_connection(
            lambda: connection, sock=connected, ssl=tls[0], server_hostname=tls[1]
        )
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def _get_idle(self, origin: Origin) -> _Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_clean and not self._is_stale(connection):
                return connection
            connection.abort()
        return None

    def _release(self, origin: Origin, connection: _Connection) -> None:
        if not connection.is_clean or len(self._open) > self._limit:
            connection.abort()
            return
        self._idle[origin].append(connection)
        if self._cleanup is None:
            self._schedule_cleanup()

    def _is_stale(self, connection: _Connection) -> bool:
        return asyncio.get_running_loop().time() - connection.used_at >= self._keep_s

    def _schedule_cleanup(self) -> None:
        # one timer for all connections: a timer for each would double the cost of the pool
        self._cleanup = asyncio.get_running_loop().call_later(self._keep_s / 4, self._close_stale)

    def _close_stale(self) -> None:
        """Closes the connections that were idle for too long or closed by the peer."""
        for origin, idle in list(self._idle.items()):
            kept = [connection for connection in idle if connection.is_clean and not self._is_stale(connection)]
            for connection in set(idle).difference(kept):
                connection.abort()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._cleanup = None
        if self._idle:
            self._schedule_cleanup()


async def _within(until: float, work: Awaitable[T], *, at_once: bool = False) -> T:
    """
    Returns the result of `work`, which ends at `until` with TimeoutError.

    No timer is set when the result is ready `at_once`.
    """
    if at_once:
        return await work
    async with asyncio.timeout_at(until):
        return await work


class _Connection(asyncio.Protocol):
    """One connection, for one exchange after the other as long as it `is_clean`."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.used_at = 0.0  #: by the event loop's clock
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] | None = None
        self._reply: Reply | None = None  #: of the exchange in flight, until it ends
        self._headers: dict[str, str] = {}
        self._until_close = False
        self._framing = 0
        self._parser: HttpResponseParser | None = None
        self._may_reuse = True

    @property
    def is_clean(self) -> bool:
        """Returns whether an exchange may begin: open, all bytes of the one before sent and received."""
        if self._transport is None or self._transport.is_closing():
            return False
        return self._may_reuse and not self._transport.get_write_buffer_size()

    async def exchange(self, request: Callable[[], bytes], reply: Reply, until: float) -> None:
        """Does what `Pool.ask` does, on this connection."""
        if self._transport is None:
            raise ConnectionResetError
        written = request()
        loop = asyncio.get_running_loop()
        self._may_reuse = False
        self._reply, self._headers, self._framing = reply, {}, 0
        self._parser = HttpResponseParser(self)
        self._ended = loop.create_future()
        deadline = loop.call_at(until, self._end, TimeoutError())
        try:
            self._transport.write(written)
            await self._ended
        finally:
            deadline.cancel()
            self._reply = self._parser = None
            self.used_at = loop.time()

    def abort(self) -> None:
        """Closes the connection at once, even during an exchange."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop, once."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not instances of it
        self.address = str(transport.get_extra_info("peername", ("",))[0]) or None

    def data_received(self, data: bytes) -> None:
        """Called by the event loop with a part of an answer."""
        if self._parser is None or self._reply is None:  # no request was sent
            self.abort()
            return
        try:
            self._framing += len(data)
            reply = self._reply
            self._parser.feed_data(data)
            if self._framing > MAX_HEAD + MAX_FRAMING * len(reply.body):
                raise NotHttp("too much besides a body")
        except (HttpParserError, HttpParserUpgrade, NotHttp) as error:
            self._may_reuse = False
            self._end(NotHttp(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """
        Called by the event loop, once.

        The close ends an answer that does not announce its length (RFC 9112, 6.3).
        """
        self._transport = None
        if self._reply is not None and self._reply.status and self._until_close and exc is None:
            self._reply.whole = True
            self._end()
        else:
            self._end(ConnectionResetError())
        if not self.lost.done():
            self.lost.set_result(None)

    def on_message_begin(self) -> None:
        """Called by the parser at an answer, an interim answer, or an unexpected one."""
        self._headers, self._may_reuse = {}, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for a header, or for a trailer, which is not used."""
        self._headers[name.decode(errors="replace").lower()] = value.decode(errors="replace")

    def on_headers_complete(self) -> None:
        """Called by the parser; interim answers are skipped."""
        if self._reply is None or self._parser is None or (status := self._parser.get_status_code()) < 200:
            return
        self._until_close = "content-length" not in self._headers and "transfer-encoding" not in self._headers
        self._reply.status, self._reply.headers, self._headers = status, self._headers, {}
        if not self._reply.has_body:
            self.on_message_complete()

    def on_body(self, data: bytes) -> None:
        """Called by the parser with a piece of the body, without its framing."""
        self._framing -= len(data)
        if self._reply is None:
            return
        space = self._reply.most - len(self._reply.body)
        self._reply.body += data[:space]
        if len(data) > space:
            self._end()

    def on_message_complete(self) -> None:
        """Called by the parser at the end of an answer; ends of interim answers are ignored."""
        if self._reply is None or self._parser is None or not self._reply.status:
            return
        self._reply.whole = True
        self._may_reuse = self._parser.should_keep_alive()
        self._end()

    def _end(self, error: Exception | None = None) -> None:
        self._reply = None  # bytes that arrive from here on belong to no exchange
        if self._ended is None or self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
