"""The shutdown of a gateway: accepted connections are drained with `Connection: close`."""

from __future__ import annotations

import asyncio
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

from greenroom import server as http_server
from greenroom.cli import serve
from tests.support.gateways import gateway
from tests.support.processes import address, environment

Address = tuple[str, int]
ASK = b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n"


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Reads the head and the body of a response with a content-length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def read_last_response(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Returns the status line and the body of a response that closes its connection."""
    async with asyncio.timeout(20):
        head, body = await answer(reader)
        assert b"\r\nconnection: close\r\n" in head
        assert await reader.read() == b""
    return head.partition(b"\r\n")[0], body


async def receive(client: socket.socket) -> tuple[bytes, bytes]:
    """Returns the last response on a socket that has sent a request."""
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        return await read_last_response(reader)
    finally:
        writer.close()


async def wait_until_refused(address: Address) -> None:
    """Waits until new connections are refused."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(*address)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


def connect(address: Address, said: bytes = b"") -> socket.socket:
    """Connects in the kernel only: the server cannot accept it while this function blocks the event loop."""
    client = socket.create_connection(address)
    client.sendall(said)
    return client


@asynccontextmanager
async def shutting_down(
    app: FastAPI, meanwhile: Callable[[Address], None]
) -> AsyncIterator[tuple[serve._Server, Address]]:
    """Runs a server; `meanwhile` is called just before it closes its listener."""
    app.state.first_link = None
    app.get("/")(lambda: "here")

    async def stop_delivering() -> None:
        meanwhile(address)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = listener.getsockname()
        server = serve._Server(app, stop_delivering, lambda: None)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
        yield server, address
        async with asyncio.timeout(20):
            await serving


async def test_who_is_connected_is_answered_once_more_and_told_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that a load balancer sends during the shutdown is answered."""
    monkeypatch.setattr(http_server, "LEAVE_S", 600.0)
    stopped: list[Address] = []
    async with shutting_down(FastAPI(), stopped.append) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK)
        head, _ = await answer(reader)
        assert b"connection: close" not in head

        server.should_exit = True
        await wait_until_refused(address)
        assert stopped  # deliveries are no longer claimed while connections drain
        writer.write(ASK)

        assert await read_last_response(reader) == (b"http/1.1 200 ok", b'"here"')
        writer.close()


async def test_unread_requests_are_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that were not read yet are answered, on pending and on accepted connections."""
    monkeypatch.setattr(http_server, "LEAVE_S", 0.0)
    with socket.socket() as inside:
        waiting: list[socket.socket] = []

        def come(address: Address) -> None:
            inside.sendall(ASK)
            waiting.extend(connect(address, ASK) for _ in range(3))
            with connect(address) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        async with shutting_down(FastAPI(), come) as (server, address):
            inside.setblocking(False)
            await asyncio.get_running_loop().sock_connect(inside, address)
            async with asyncio.timeout(20):
                while not server.server_state.connections:
                    await asyncio.sleep(0.01)
            server.should_exit = True
        for client in (inside, *waiting):
            assert await receive(client) == (b"http/1.1 200 ok", b'"here"')


async def test_a_late_connection_can_send_its_first_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that connected just before the shutdown can still send its first request."""
    monkeypatch.setattr(http_server, "LEAVE_S", 600.0)
    waiting: list[socket.socket] = []
    async with shutting_down(FastAPI(), lambda address: waiting.append(connect(address))) as (server, address):
        server.should_exit = True
        await wait_until_refused(address)
        waiting[0].sendall(ASK)

        assert await receive(waiting[0]) == (b"http/1.1 200 ok", b'"here"')


async def test_a_slow_request_closes_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server library caches the headers of a second, so a slow request could miss `Connection: close`."""
    monkeypatch.setattr(http_server, "LEAVE_S", 600.0)
    app, asked, go = FastAPI(), asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        asked.set()
        await go.wait()
        return "done"

    async with shutting_down(app, lambda _: None) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK.replace(b"/", b"/slow", 1))
        async with asyncio.timeout(20):
            await asked.wait()
            headers = server.server_state.default_headers
            while server.server_state.default_headers is headers:
                await asyncio.sleep(0.01)
        server.should_exit = True
        await wait_until_refused(address)
        go.set()

        assert await read_last_response(reader) == (b"http/1.1 200 ok", b'"done"')
        writer.close()


async def test_a_stop_answers_everybody_who_has_connected(tmp_path: Path) -> None:
    """Connections made while the process was paused are answered after SIGTERM."""
    async with gateway(tmp_path, None) as one:
        await one.start()
        await one.pause()
        with ExitStack() as connected:
            asked = ASK.replace(b"/", b"/healthz", 1)
            clients = [connected.enter_context(connect(address(one.url), asked)) for _ in range(50)]
            await asyncio.sleep(0.2)  # the server checks every 0.1 s for a stop; after this pause it checks at once
            one.send(signal.SIGTERM)
            one.send(signal.SIGCONT)
            for client in clients:
                assert (await receive(client))[0] == b"http/1.1 200 ok"
        assert await one.kill(signal.SIGTERM) == 0


def test_a_gateway_that_has_not_started_yet_can_be_stopped(tmp_path: Path) -> None:
    """SIGTERM ends a gateway that waits for an unresponsive database."""
    with socket.create_server(("127.0.0.1", 0)) as database:
        url = f"postgresql://nobody@127.0.0.1:{database.getsockname()[1]}/none"
        command = [sys.executable, "-m", "greenroom", "serve", "--port", "0"]
        process = subprocess.Popen(command, env=environment(url, tmp_path))
        try:
            database.settimeout(60)
            with database.accept()[0]:
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == -signal.SIGTERM
        finally:
            process.kill()
            process.wait()
