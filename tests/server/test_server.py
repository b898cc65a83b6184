"""Deadlines, the limit of connections and EMFILE, on a server inside the test."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.testing import capture_logs

from greenroom.server import Server, most_connections
from greenroom.server.protocol import BODY_S, HEAD_S, KEEP_ALIVE_S, LINGER_S, SEND_S, Protocol

ASK = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf"


async def echo(request: Request) -> Response:
    """Answers with as many bytes as the query asks for, or with the body."""
    return Response(await request.body() or b"x" * int(request.query_params.get("size", 2)))


@dataclass
class Serving:
    """A running server and its clients, which are closed at the end."""

    server: Server
    address: tuple[str, int]
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def connections(self) -> set[Protocol]:
        return self.server.server_state.connections

    async def client(self, said: bytes = b"") -> asyncio.StreamReader:
        """Opens a connection; returns once it is accepted and its bytes are read."""
        known = set(self.connections)
        reader, writer = await asyncio.open_connection(*self.address)
        self.writers.append(writer)
        async with asyncio.timeout(20):
            while not self.connections - known:
                await asyncio.sleep(0.005)
            (accepted,) = self.connections - known
            writer.write(said)
            while said and not (accepted._head_begun or accepted._in_body or accepted.cycle):
                await asyncio.sleep(0.005)
        return reader

    def later(self, seconds: float) -> None:
        """Enforces the deadlines as if so many seconds had passed."""
        self.server.server_state.enforce_deadlines(asyncio.get_running_loop().time() + seconds)


@asynccontextmanager
async def serving(most: int = 100) -> AsyncIterator[Serving]:
    """Runs a server for `most` connections."""
    server = Server(Starlette(routes=[Route("/", echo, methods=["GET", "POST"])]))
    server.server_state.most = most
    with socket.create_server(("127.0.0.1", 0)) as listener:
        up = Serving(server, listener.getsockname())
        running = asyncio.create_task(server._serve([listener]))
        try:
            async with asyncio.timeout(20):
                while not server.started:
                    await asyncio.sleep(0.01)
            yield up
        finally:
            for writer in up.writers:
                writer.close()
            server.should_exit = True
            await running


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Reads until the connection ends."""
    async with asyncio.timeout(20):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b"reset"


@pytest.mark.parametrize(
    ("said", "deadline", "status"),
    [
        (b"", HEAD_S, b""),
        (b"GET / HTTP/1.1\r\nhost", HEAD_S, b"408"),
        (HALF_BODY, BODY_S, b"408"),
        (ASK, KEEP_ALIVE_S, b"200"),
        (ASK + b"GET /", HEAD_S, b"408"),
    ],
    ids=["nothing", "half a head", "half a body", "kept alive", "half a second head"],
)
async def test_a_slow_client_is_answered_408_and_closed(said: bytes, deadline: float, status: bytes) -> None:
    """The deadline is not enforced early; a client that sent nothing gets no answer."""
    async with serving() as up:
        reader = await up.client(said)
        if said.startswith(ASK):
            await reader.readuntil(b"xx")
        up.later(deadline - 5)
        (connection,) = up.connections
        assert not connection.transport.is_closing()

        up.later(deadline + 5)
        answered = await rest(reader)
        assert answered.split(b" ")[1:2] == ([status] if status == b"408" else [])
        up.later(LINGER_S + 5)  # even if the client never closes its side
        assert not up.connections

        again = await up.client(ASK)
        assert await again.readuntil(b"xx")


async def test_a_client_that_does_not_read_is_cut() -> None:
    """A client that does not read its answer is disconnected."""
    async with serving() as up:
        await up.client(ASK.replace(b"/", b"/?size=50000000", 1))
        up.writers[0].transport.pause_reading()
        (connection,) = up.connections
        async with asyncio.timeout(20):
            while not connection.transport.get_write_buffer_size():
                await asyncio.sleep(0.01)
        up.later(0)
        up.later(SEND_S + 5)
        assert not up.connections


async def test_over_the_limit_the_longest_wait_ends_first() -> None:
    """Idle connections and half heads are closed before half bodies."""
    async with serving(most=3) as up:
        slow = await up.client(HALF_BODY)
        waiting = [await up.client(), await up.client(b"GET")]
        for oldest in waiting:
            await up.client()
            assert await rest(oldest) in (b"", b"reset")
        assert len(up.connections) == 3
        up.writers[0].write(b" body")
        assert b"200" in await slow.readuntil(b"half body")


async def test_when_every_client_waits_for_an_answer_the_next_one_is_refused() -> None:
    """The next client is refused at once, and accepted later."""
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(_: Request) -> Response:
        asked.set()
        await go.wait()
        return Response(b"xx")

    async with serving(most=1) as up:
        up.server.config.loaded_app.router.routes.append(Route("/slow", slow))
        first = await up.client(ASK.replace(b"/", b"/slow", 1))
        await asked.wait()
        refused = await rest(await up.client())
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1" in refused
        go.set()
        assert b"200" in await first.readuntil(b"xx")


async def test_a_body_in_progress_is_closed_when_nothing_idle_is_left() -> None:
    """Without idle connections, the oldest incomplete body is closed."""
    async with serving(most=2) as up:
        readers = [await up.client(HALF_BODY) for _ in range(2)]
        third = await up.client(ASK)
        assert b"200" in await third.readuntil(b"xx")
        assert await rest(readers[0]) in (b"", b"reset")


async def test_without_a_descriptor_accepting_pauses() -> None:
    """EMFILE neither spins nor ends the listener; an idle connection is closed instead."""
    async with serving() as up:
        idle = await up.client()
        comes = socket.socket()
        comes.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        with capture_logs() as lines:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                await asyncio.get_running_loop().sock_connect(comes, up.address)
                assert await rest(idle) == b""
                comes.sendall(ASK)
                async with asyncio.timeout(20):
                    assert b"200" in await asyncio.get_running_loop().sock_recv(comes, 1000)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        comes.close()
        assert [line["event"] for line in lines].count("accept_failed") == 1
        again = await up.client(ASK)
        assert b"200" in await again.readuntil(b"xx")


async def test_a_trailer_is_not_a_header() -> None:
    """A trailer cannot change the caller's identity."""
    async with serving() as up:
        head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        reader = await up.client(head)
        (connection,) = up.connections
        up.writers[0].write(b"2\r\nok\r\n0\r\nauthorization: Basic eDo=\r\n\r\n")
        assert await reader.readuntil(b"ok")
        assert b"authorization" not in dict(connection.scope["headers"])


def test_half_of_the_descriptors_are_for_others() -> None:
    """Half of the descriptors is left for the database, outgoing calls and files."""
    assert [most_connections(n) for n in (1, 256, 1024, 1_048_576)] == [1, 128, 512, 1000]
