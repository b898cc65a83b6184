"""HTTP/1.1 on the wire: valid answers, invalid ones, and the reuse of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom import outbound
from greenroom.errors import TryLater
from greenroom.outbound import Answer, Outbound, Request
from greenroom.outbound.client import request_bytes
from tests.outbound.test_send import LOOPBACK, Peer, listening

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class ScriptedPeer:
    """
    A peer that sends `parts`, each on its own, as the answer to every request.

    It then closes the connection, or waits for the next request.
    """

    def __init__(self, *parts: bytes, stays: bool = True) -> None:
        self.connections = 0
        self.received: list[bytes] = []
        self._parts = parts
        self._stays = stays

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
            self.received.append(head + await reader.readexactly(length))
            for part in self._parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.001)  # so that each part usually arrives on its own; the tests hold either way
            if not self._stays:
                return


async def ask(out: Outbound, peer: Peer, method: str = "GET", *, times: int = 1, body: bytes | None = None) -> Answer:
    """Sends the request several times, one after the other; returns the last answer."""
    async with listening(peer) as port:
        request = Request(method, f"http://127.0.0.1:{port}/x?y", {"X-WorkerState": "1"}, body)
        answers = [await out.send(request, deadline=5) for _ in range(times)]
    return answers[-1]


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ([OK], b"ok"),
        ([OK[:9], OK[9:30], OK[30:-1], OK[-1:]], b"ok"),
        ([b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"], b""),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
        ([b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"], b""),
        (
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n", b"1;a=b\r\nk\r\n0\r\nx: y\r\n\r\n"],
            b"ok",
        ),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", OK], b"ok"),
    ],
    ids=["plain", "in pieces", "without a reason", "204", "304", "chunked", "after interim answers"],
)
async def test_a_connection_is_used_again_after_a_whole_answer(
    out: Outbound, parts: Sequence[bytes], body: bytes
) -> None:
    """Three calls with complete answers use one connection."""
    peer = ScriptedPeer(*parts)

    answer = await ask(out, peer, times=3)

    assert (answer.body, answer.truncated) == (body, False)
    assert "link" not in answer.headers
    assert "x" not in answer.headers
    assert (peer.connections, len(peer.received)) == (1, 3)


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", True),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\r\n\r\nok", False),
        (OK + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged", True),
        (OK + b"forged", True),
    ],
    ids=["close", "1.0", "until the end", "1.0 until the end", "two answers", "more than it said"],
)
async def test_a_connection_is_not_used_again_after_any_other_answer(out: Outbound, said: bytes, stays: bool) -> None:
    """An answer that announces the close, or has extra bytes, ends the connection."""
    peer = ScriptedPeer(said, stays=stays)

    answer = await ask(out, peer, times=3)

    assert (answer.status, answer.body, answer.truncated) == (200, b"ok", False)
    assert (peer.connections, len(peer.received)) == (3, 3)


async def test_the_answer_to_head_has_no_body(out: Outbound) -> None:
    """The answer to HEAD has no body, whatever length its head announces."""
    peer = ScriptedPeer(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")

    answer = await ask(out, peer, "HEAD", times=3)

    assert (answer.body, answer.truncated, answer.headers["content-length"]) == (b"", False, "5000")
    assert peer.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nx y: z\r\n\r\n",
        b"HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1;" + b"e" * 1_000_000 + b"\r\no\r\n0\r\n\r\n",
    ],
    ids=["101", "two lengths", "two other lengths", "negative", "bad chunk", "bad name", "3.7", "long", "extension"],
)
async def test_an_ambiguous_or_endless_answer_is_refused(out: Outbound, said: bytes) -> None:
    """An answer that two readers would read differently, or with an endless head, is an error."""
    with pytest.raises(TryLater) as caught:
        await ask(out, ScriptedPeer(said))

    assert caught.value.kind == "protocol"


async def test_small_chunks_are_read_to_the_end(out: Outbound) -> None:
    """A body in chunks of one byte is read, though its framing is longer than a head may be."""
    peer = ScriptedPeer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 60_000, b"0\r\n\r\n")

    assert (await ask(out, peer)).body == b"x" * 60_000


async def test_an_early_answer_counts(out: Outbound) -> None:
    """
    An answer that arrives before the request was read is returned.

    The rest of the request is not sent, and the connection is not used again.
    """
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.Event().wait()

    assert (await ask(out, refuse, "POST", times=2, body=b"x" * 20_000_000)).status == 413
    assert connections == 2


async def test_an_unexpected_answer_ends_the_connection(out: Outbound) -> None:
    """Bytes between two calls close the connection, so they cannot answer the second call."""
    forged, gone = asyncio.Event(), asyncio.Event()

    async def forge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        await forged.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged")
        await reader.read()
        gone.set()

    async with listening(forge) as port, asyncio.timeout(20):
        request = Request("GET", f"http://127.0.0.1:{port}/", {})
        assert (await out.send(request, deadline=5)).body == b"ok"
        forged.set()
        await gone.wait()
        assert (await out.send(request, deadline=5)).body == b"ok"


async def test_a_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer sees an idle connection closed, without a further call."""
    monkeypatch.setattr(outbound, "KEEP_ALIVE_S", 0.05)
    out, gone = Outbound(allow_http=True, allowed_networks=LOOPBACK), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()
        gone.set()

    async with listening(wait) as port, asyncio.timeout(20):
        await out.send(Request("GET", f"http://127.0.0.1:{port}/", {}), deadline=5)
        await gone.wait()
    await out.aclose()


async def test_a_cancelled_call_ends_its_connection(out: Outbound) -> None:
    """The answer of a cancelled call is not taken for that of the next one."""
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        gone.set()

    async with listening(wait) as port, asyncio.timeout(20):
        call = asyncio.create_task(out.send(Request("GET", f"http://127.0.0.1:{port}/", {}), deadline=20))
        await arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await gone.wait()


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [("GET", None, None), ("HEAD", None, None), ("POST", None, b"0"), ("PATCH", b"", b"0"), ("GET", b"ab", b"2")],
)
async def test_a_request_on_the_wire(out: Outbound, method: str, body: bytes | None, length: bytes | None) -> None:
    """The Content-Length is always right, whatever the caller's headers say."""
    peer = ScriptedPeer(b"HTTP/1.1 204 No Content\r\n\r\n")
    async with listening(peer) as port:
        headers = {"Content-Length": "7", "User-Agent": "WorkerState", "X-Name": "Nguyễn"}
        await out.send(Request(method, f"http://127.0.0.1:{port}/a?b", headers, body), deadline=5)

    head, _, sent = peer.received[0].partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    said = dict(line.split(b": ", 1) for line in lines)
    assert first == f"{method} /a?b HTTP/1.1".encode()
    assert said.pop(b"content-length", None) == length
    assert said == {
        b"host": f"127.0.0.1:{port}".encode(),
        b"user-agent": b"WorkerState",
        b"accept-encoding": b"identity",
        b"x-name": "Nguyễn".encode(),
    }
    assert sent == (body or b"")


@given(st.text(), st.text(alphabet="ab\r\n\0: "))
def test_no_header_ends_its_line(name: str, value: str) -> None:
    """A header with a line break is an error, and no request is made."""
    try:
        made = request_bytes("GET", "/", {"host": "x", name: value}, None)
    except (ValueError, UnicodeError):
        return
    assert made.count(b"\r\n") == 4
    assert made.count(b"\n") == made.count(b"\r") == 4
