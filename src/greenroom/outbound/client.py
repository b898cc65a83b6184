"""
HTTP/1.1 as a client, as much of it as `Outbound` needs: one request, one answer, over connections that are kept.

Answers are parsed by llhttp, by way of httptools. Bodies are not decoded, redirects are not followed, and nothing is
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

#: what an answer may have besides its body: heads, interim answers, trailers …
MAX_HEAD = 64 * 1024
#: … and besides each byte of its body, so that it may come in small chunks
MAX_FRAMING = 8
#: methods whose requests do not speak of a body that they do not have (RFC 9110, 8.6)
_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: what hanging up may take
_CLOSING_S = 1.0

T = TypeVar("T")


class NotHttp(Exception):
    """What came is not an answer in HTTP/1.1, or has more of a head than it may."""


class Origin(NamedTuple):
    """Whom a connection is made to: a name as it is looked up, or a literal address."""

    host: str
    port: int
    tls: bool


class Reply:
    """
    What of an answer has come; `status` is 0 until its head is complete. Header names are lower case.

    `body` never grows beyond `most` bytes; `whole` says that it is all there. `address` is where we are connected,
    None before that. The answer to HEAD has no body, whatever its head says.
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
    A request as it goes over the wire; the names of `headers` are lower case, "host" is among them, "content-length" is
    not.

    Raises:
        ValueError: a header that would end its line.
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

    `connect` makes the socket. At most `limit` exchanges are under way, whoever comes then waits; and no connection is
    kept while more than that are open.
    """

    def __init__(
        self, connect: Callable[[Origin], Awaitable[socket]], *, tls: ssl.SSLContext, limit: int, keep_s: float
    ) -> None:
        self._connect = connect
        self._tls = tls
        self._limit = limit
        self._keep_s = keep_s
        self._room = asyncio.Semaphore(limit)
        self._open: set[_Connection] = set()
        self._idle: defaultdict[Origin, list[_Connection]] = defaultdict(list)
        self._sweeping: asyncio.TimerHandle | None = None

    async def ask(self, origin: Origin, request: Callable[[], bytes], reply: Reply, *, until: float) -> None:
        """
        Send a request and fill `reply` as the answer comes, until that is there or longer than it may be.

        What `request` gives is written at once: it is called when the connection stands. `until` is by the event
        loop's clock. After an error, too, `reply` has what came before it.

        Raises:
            TimeoutError: it is not all there in time.
            OSError: no connection (`reply.address` is None then), or it broke.
            ssl.SSLError: no TLS that can be trusted.
            NotHttp: the answer cannot be read.

        Whatever `request` raises, too; then nothing was sent.
        """
        await _within(until, self._room.acquire(), at_once=not self._room.locked())
        try:
            connection = self._kept(origin)
            if connection is None:
                connection = await _within(until, self._connected(origin))
            reply.address = connection.address
            try:
                await connection.exchange(request, reply, until)
            finally:
                self._keep(origin, connection)
        finally:
            self._room.release()

    async def aclose(self) -> None:
        """Hang up on everybody."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in list(self._open):
            connection.hang_up()
        lost = [connection.lost for connection in self._open]
        if lost:
            await asyncio.wait(lost, timeout=_CLOSING_S)

    async def _connected(self, origin: Origin) -> _Connection:
        connection = _Connection()
        tls = (self._tls, origin.host.rstrip(".")) if origin.tls else (None, None)
        connected = await self._connect(origin)
        await asyncio.get_running_loop().create_connection(
            lambda: connection, sock=connected, ssl=tls[0], server_hostname=tls[1]
        )
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def _kept(self, origin: Origin) -> _Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_clean and not self._is_stale(connection):
                return connection
            connection.hang_up()
        return None

    def _keep(self, origin: Origin, connection: _Connection) -> None:
        if not connection.is_clean or len(self._open) > self._limit:
            connection.hang_up()
            return
        self._idle[origin].append(connection)
        if self._sweeping is None:
            self._sweep_later()

    def _is_stale(self, connection: _Connection) -> bool:
        return asyncio.get_running_loop().time() - connection.used_at >= self._keep_s

    def _sweep_later(self) -> None:
        # one timer for all: one for each rest would cost as much as the rest of this class
        self._sweeping = asyncio.get_running_loop().call_later(self._keep_s / 4, self._sweep)

    def _sweep(self) -> None:
        """Let go of what was not used for long, and of what was closed from the other side."""
        for origin, idle in list(self._idle.items()):
            kept = [connection for connection in idle if connection.is_clean and not self._is_stale(connection)]
            for connection in set(idle).difference(kept):
                connection.hang_up()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._sweeping = None
        if self._idle:
            self._sweep_later()


async def _within(until: float, what: Awaitable[T], *, at_once: bool = False) -> T:
    """What comes of it, in time; what comes `at_once` needs no timer."""
    if at_once:
        return await what
    async with asyncio.timeout_at(until):
        return await what


class _Connection(asyncio.Protocol):
    """One connection: one exchange after the other, as long as it `is_clean`."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.used_at = 0.0  #: by the event loop's clock
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None
        self._ended: asyncio.Future[None] | None = None
        self._reply: Reply | None = None  #: of the exchange that is under way, until its end is known
        self._headers: dict[str, str] = {}
        self._until_close = False
        self._framing = 0
        self._parser: HttpResponseParser | None = None
        self._may_stay = True

    @property
    def is_clean(self) -> bool:
        """Whether an exchange may begin: it is open, and nothing of the one before is still to be sent or to come."""
        if self._transport is None or self._transport.is_closing():
            return False
        return self._may_stay and not self._transport.get_write_buffer_size()

    async def exchange(self, request: Callable[[], bytes], reply: Reply, until: float) -> None:
        """As `Pool.ask`, on this connection."""
        if self._transport is None:
            raise ConnectionResetError
        written = request()
        loop = asyncio.get_running_loop()
        self._may_stay = False
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

    def hang_up(self) -> None:
        """Whatever is still under way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From the event loop, once."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not instances of it
        self.address = str(transport.get_extra_info("peername", ("",))[0]) or None

    def data_received(self, data: bytes) -> None:
        """From the event loop: a part of an answer."""
        if self._parser is None or self._reply is None:  # nobody asked
            self.hang_up()
            return
        try:
            self._framing += len(data)
            reply = self._reply
            self._parser.feed_data(data)
            if self._framing > MAX_HEAD + MAX_FRAMING * len(reply.body):
                raise NotHttp("too much besides a body")
        except (HttpParserError, HttpParserUpgrade, NotHttp) as error:
            self._may_stay = False
            self._end(NotHttp(str(error)))

    def connection_lost(self, exc: Exception | None) -> None:
        """From the event loop, once. It is the end of an answer that does not say how long it is (RFC 9112, 6.3)."""
        self._transport = None
        if self._reply is not None and self._reply.status and self._until_close and exc is None:
            self._reply.whole = True
            self._end()
        else:
            self._end(ConnectionResetError())
        if not self.lost.done():
            self.lost.set_result(None)

    def on_message_begin(self) -> None:
        """From the parser: an answer, or an interim one, or one that nobody asked for."""
        self._headers, self._may_stay = {}, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """From the parser: in a head, or in a trailer, which nobody reads."""
        self._headers[name.decode(errors="replace").lower()] = value.decode(errors="replace")

    def on_headers_complete(self) -> None:
        """From the parser; interim answers are passed over."""
        if self._reply is None or self._parser is None or (status := self._parser.get_status_code()) < 200:
            return
        self._until_close = "content-length" not in self._headers and "transfer-encoding" not in self._headers
        self._reply.status, self._reply.headers, self._headers = status, self._headers, {}
        if not self._reply.has_body:
            self.on_message_complete()

    def on_body(self, data: bytes) -> None:
        """From the parser: a piece of the body, without its framing."""
        self._framing -= len(data)
        if self._reply is None:
            return
        room = self._reply.most - len(self._reply.body)
        self._reply.body += data[:room]
        if len(data) > room:
            self._end()

    def on_message_complete(self) -> None:
        """From the parser; not the one of an interim answer."""
        if self._reply is None or self._parser is None or not self._reply.status:
            return
        self._reply.whole = True
        self._may_stay = self._parser.should_keep_alive()
        self._end()

    def _end(self, error: Exception | None = None) -> None:
        self._reply = None  # what comes now is nobody's
        if self._ended is None or self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
