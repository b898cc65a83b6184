"""Misbehaving peers: every call ends in time, within limits, and is made once."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Network

import pytest
import trustme

from greenroom import outbound
from greenroom.errors import RemoteError, TryLater
from greenroom.outbound import Outbound, Request
from greenroom.outbound.names import Resolver

LOOPBACK = [IPv4Network("127.0.0.0/8")]
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(peer: Peer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Runs a raw TCP server; yields its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await peer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    """Reads a request with a body of one byte; returns its head."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1)
    return head


def asking(port: int, method: str = "POST") -> Request:
    """Returns a request with a body of one byte."""
    return Request(method, f"http://127.0.0.1:{port}/hook?secret=canary", {"authorization": "Basic canary"}, b"x")


async def test_a_dripping_success_is_cut_and_counts(out: Outbound) -> None:
    """A success counts at the deadline even if its body is still arriving."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with listening(drip) as port:
        answer = await out.send(asking(port), deadline=0.3)

    assert (answer.status, answer.truncated) == (200, True)
    assert 0 < len(answer.body) < 1000


async def test_silence_is_a_timeout(out: Outbound) -> None:
    """The deadline covers the wait for headers."""

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(nothing) as port:
        with pytest.raises(TryLater) as caught:
            await out.send(asking(port), deadline=0.2)

    assert caught.value.kind == "timeout"


async def test_endless_headers_are_cut(out: Outbound) -> None:
    """Endless headers use bounded memory and time."""

    async def headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-filler: " + b"y" * 60_000 + b"\r\n")
            await writer.drain()

    async with listening(headers) as port:
        with pytest.raises(TryLater) as caught:
            await out.send(asking(port), deadline=5)

    assert caught.value.kind in ("protocol", "timeout")


async def test_a_bomb_stays_closed_and_a_flood_is_capped(out: Outbound) -> None:
    """A body is neither decoded nor read beyond the caller's limit."""
    bomb = gzip.compress(b"\0" * 10_000_000)
    heads: list[bytes] = []

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1000000000\r\n\r\n" + bomb)
        while True:
            writer.write(b"\0" * 65536)
            await writer.drain()

    async with listening(flood) as port:
        answer = await out.send(asking(port), deadline=5, max_body=4096)

    assert b"accept-encoding: identity" in heads[0].lower()
    assert (answer.body, answer.truncated) == (bomb[:4096], True)


async def test_a_gigabyte_costs_no_memory(out: Outbound) -> None:
    """Bytes beyond the limit are never held, however fast they arrive."""
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n")
        chunk = b"\0" * 65536
        while sent < 2**30:
            writer.write(chunk)
            sent += len(chunk)
            await writer.drain()

    async with listening(flood) as port:
        await out.send(asking(port), deadline=5)  # allocates what all later calls share
        sent = 0
        tracemalloc.start()
        try:
            answers = [await out.send(asking(port), deadline=5) for _ in range(10)]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert all(answer.truncated and len(answer.body) == outbound.MAX_BODY for answer in answers)
    assert peak < 10 * outbound.MAX_BODY + 2**21
    assert sent < 2**26


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nconte", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"]
)
async def test_a_broken_connection_is_said_to_be_one(out: Outbound, said: bytes) -> None:
    """A close before the answer, within its head or within its body is an error of its own kind."""

    async def close_early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(said)
        await writer.drain()
        writer.close()

    async with listening(close_early) as port:
        with pytest.raises(TryLater) as caught:
            await out.send(asking(port), deadline=5)

    assert caught.value.kind == "reset"
    assert "canary" not in caught.value.reason


@pytest.mark.parametrize("said", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"\0" * 100])
async def test_another_protocol_is_an_error(out: Outbound, said: bytes) -> None:
    """An answer in another protocol is an error."""

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(said)
        await writer.drain()
        writer.close()

    async with listening(other) as port:
        with pytest.raises(RemoteError) as caught:
            await out.send(asking(port), deadline=5)

    assert caught.value.kind in ("protocol", "reset")


async def test_a_refused_connection_is_tried_again_later(out: Outbound) -> None:
    """A port without a listener is an error that may pass."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(TryLater) as caught:
            await out.send(asking(port), deadline=5)

    assert caught.value.kind == "connect"


async def test_an_unknown_name_and_a_broken_resolver(out: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name and a failed look-up are different kinds of error."""
    for code, kind in ((socket.EAI_NONAME, "dns_unknown"), (socket.EAI_AGAIN, "dns")):

        async def fail(*_: object, code: int = code, **__: object) -> None:
            raise socket.gaierror(code, "x")

        monkeypatch.setattr(Resolver, "addresses", fail)
        with pytest.raises(TryLater) as caught:
            await out.send(Request("GET", "https://nowhere.example.com/", {}), deadline=5)
        assert caught.value.kind == kind


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_one_call_is_one_request_on_the_wire(out: Outbound, method: str) -> None:
    """A call is not repeated, even on a kept connection that the peer has closed meanwhile."""
    received: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await request_of(reader))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        received.append(await request_of(reader))
        writer.transport.abort()

    async with listening(answer_once) as port:
        assert (await out.send(asking(port, method), deadline=5)).status == 200
        with pytest.raises(TryLater) as caught:
            await out.send(asking(port, method), deadline=5)

    assert caught.value.kind == "reset"
    assert len(received) == 2


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_idempotent_methods_are_not_repeated(out: Outbound, method: str) -> None:
    """Methods that HTTP permits to repeat are not repeated, either."""
    received: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with listening(answer_once) as port:
        request = Request(method, f"http://127.0.0.1:{port}/", {})
        assert (await out.send(request, deadline=5)).status == 200
        with pytest.raises(TryLater):
            await out.send(request, deadline=5)

    assert len(received) == 2


async def test_a_connection_that_was_closed_while_idle_is_replaced(out: Outbound) -> None:
    """A call after the close of an idle connection succeeds over a new one."""
    closed = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.write_eof()
        assert await reader.read() == b""  # the client has seen the close, and closed its side, too
        closed.set()

    async with listening(once) as port:
        for _ in range(3):
            assert (await out.send(asking(port), deadline=5)).status == 200
            async with asyncio.timeout(20):
                await closed.wait()
            closed.clear()


async def test_connections_are_kept(out: Outbound) -> None:
    """A hundred calls, eight at a time, need at most eight connections."""
    connections, calls = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections, calls
        connections += 1
        while True:
            await request_of(reader)
            calls += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await writer.drain()

    async def some(port: int) -> None:
        for _ in range(13):
            assert (await out.send(asking(port), deadline=20)).body == b"ok"

    async with listening(serve) as port:
        await asyncio.gather(*(some(port) for _ in range(8)))

    assert calls == 104
    assert connections <= 8


async def test_a_cut_call_frees_its_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one concurrency slot, the next call succeeds after one that was cut."""
    monkeypatch.setattr(outbound, "CONNECTIONS", 1)
    out = Outbound(allow_http=True, allowed_networks=LOOPBACK)
    calls = 0

    async def first_hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + (b"o" if calls == 1 else b"ok"))
        await writer.drain()
        await asyncio.Event().wait()

    async with listening(first_hangs) as port:
        large = Request("POST", f"http://127.0.0.1:{port}/", {}, b"x" * 1_000_000)
        assert (await out.send(large, deadline=0.2)).truncated
        assert (await out.send(large, deadline=5)).body == b"ok"
    await out.aclose()


@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 200 ", b"OK"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n"),
    ],
    ids=["small headers", "reason", "interim answers", "trailers"],
)
async def test_every_endless_part_of_an_answer_is_cut(out: Outbound, start: bytes, endless: bytes) -> None:
    """Each part of an answer that could go on for ever is bounded."""

    async def go_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(start)
        while True:
            writer.write(endless * 1000)
            await writer.drain()

    async with listening(go_on) as port:
        with pytest.raises(TryLater) as caught:
            await out.send(asking(port), deadline=0.5)

    assert caught.value.kind in ("protocol", "timeout", "reset")
    assert "canary" not in caught.value.reason


@pytest.mark.parametrize("path", ["/a%2Fb/%7Ex?sig=%2F%3d+%20&u=https%3A%2F%2Fy", "/a/../b", "/hook?a=b;c&d"])
async def test_a_url_is_called_as_it_was_given(out: Outbound, path: str) -> None:
    """The URL is sent unchanged, since a signature may cover it, but without its fragment."""
    heads: list[bytes] = []

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await request_of(reader))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with listening(fine) as port:
        await out.send(Request("POST", f"http://127.0.0.1:{port}{path}#part", {}, b"x"), deadline=5)

    assert heads[0].split(b"\r\n")[0].decode() == f"POST {path} HTTP/1.1"


async def test_a_slow_look_up_is_under_the_deadline(out: Outbound, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline covers a resolver that never answers."""

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Resolver, "addresses", never)
    with pytest.raises(TryLater) as caught:
        await out.send(Request("GET", "https://slow.example.com/?secret=canary", {}), deadline=0.1)

    assert caught.value.kind == "timeout"
    assert "canary" not in caught.value.reason


@pytest.mark.parametrize(("said", "kind"), [(None, "timeout"), (b"", "connect"), (b"220 hello\r\n\r\n", "tls")])
async def test_a_tls_handshake_that_fails(out: Outbound, said: bytes | None, kind: str) -> None:
    """Silence, a reset and another protocol have a kind each, and a readable reason."""

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if said is None:
            await asyncio.Event().wait()
        elif said:
            writer.write(said)
            await writer.drain()
            await reader.read()

    async with listening(peer) as port:
        with pytest.raises(TryLater) as caught:
            await out.send(Request("GET", f"https://127.0.0.1:{port}/?secret=canary", {}), deadline=0.3)

    assert caught.value.kind == kind
    assert "None" not in caught.value.reason
    assert "canary" not in caught.value.reason


async def test_an_expired_certificate_is_refused() -> None:
    """An expired certificate of a trusted authority, for the right name, is refused."""
    authority = trustme.CA()
    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_after=yesterday).configure_cert(served)
    authority.configure_trust(trusting)

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    out = Outbound(allowed_networks=LOOPBACK, tls=trusting)
    async with listening(fine, served) as port:
        with pytest.raises(TryLater, match="expired") as caught:
            await out.send(Request("GET", f"https://127.0.0.1:{port}/", {}), deadline=5)
    assert caught.value.kind == "tls"
    await out.aclose()


async def test_certificates_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown authority and a wrong name are refused; a valid certificate is accepted."""
    authority = trustme.CA()

    async def fine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    async def addresses(_: object, host: str) -> list[str]:
        return ["127.0.0.1"]

    served, trusting = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("vendor.example.com").configure_cert(served)
    authority.configure_trust(trusting)
    async with listening(fine, served) as port:
        monkeypatch.setattr(Resolver, "addresses", addresses)
        for tls, name, kind in (
            (None, "vendor.example.com", "tls"),
            (trusting, "other.example.com", "tls"),
            (trusting, "vendor.example.com", None),
            (trusting, "VENDOR.example.com", None),
        ):
            out = Outbound(allowed_networks=LOOPBACK, tls=tls)
            request = Request("POST", f"https://{name}:{port}/", {}, b"x")
            if kind is None:
                assert (await out.send(request, deadline=5)).status == 204
            else:
                with pytest.raises(TryLater) as caught:
                    await out.send(request, deadline=5)
                assert caught.value.kind == kind
            await out.aclose()
