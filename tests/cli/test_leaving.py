"""How a gateway takes its leave: who is connected is answered, and told to go."""

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
    """Head and body of one that says its length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def farewell(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """What is answered, and the end of what says that it is the last."""
    async with asyncio.timeout(20):
        head, body = await answer(reader)
        assert b"\r\nconnection: close\r\n" in head
        assert await reader.read() == b""
    return head.partition(b"\r\n")[0], body


async def heard(client: socket.socket) -> tuple[bytes, bytes]:
    """The farewell to one who has asked."""
    reader, writer = await asyncio.open_connection(sock=client)
    try:
        return await farewell(reader)
    finally:
        writer.close()


async def refuses(address: Address) -> None:
    """Wait until nobody new is let in."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(*address)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


def connect(address: Address, said: bytes = b"") -> socket.socket:
    """A connection that the kernel has made: nobody has let it in, this loop stands still meanwhile."""
    client = socket.create_connection(address)
    client.sendall(said)
    return client


@asynccontextmanager
async def leaving(app: FastAPI, meanwhile: Callable[[Address], None]) -> AsyncIterator[tuple[serve._Server, Address]]:
    """A server that is up; `meanwhile` is called in the last moment before it shuts its door."""
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
    """A balancer whose request is on its way when the gateway is stopped must not find the connection closed."""
    monkeypatch.setattr(http_server, "LEAVE_S", 600.0)
    stopped: list[Address] = []
    async with leaving(FastAPI(), stopped.append) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK)
        head, _ = await answer(reader)
        assert b"connection: close" not in head

        server.should_exit = True
        await refuses(address)
        assert stopped  # nothing is claimed any more while others take their leave
        writer.write(ASK)

        assert await farewell(reader) == (b"http/1.1 200 ok", b'"here"')
        writer.close()


async def test_what_has_come_is_answered_however_little_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that nobody has read yet: of those who wait at the door, and of one who was let in before."""
    monkeypatch.setattr(http_server, "LEAVE_S", 0.0)
    with socket.socket() as inside:
        waiting: list[socket.socket] = []

        def come(address: Address) -> None:
            inside.sendall(ASK)
            waiting.extend(connect(address, ASK) for _ in range(3))
            with connect(address) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        async with leaving(FastAPI(), come) as (server, address):
            inside.setblocking(False)
            await asyncio.get_running_loop().sock_connect(inside, address)
            async with asyncio.timeout(20):
                while not server.server_state.connections:
                    await asyncio.sleep(0.01)
            server.should_exit = True
        for client in (inside, *waiting):
            assert await heard(client) == (b"http/1.1 200 ok", b'"here"')


async def test_who_comes_in_the_last_moment_may_still_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the connection and its first request there is a moment."""
    monkeypatch.setattr(http_server, "LEAVE_S", 600.0)
    waiting: list[socket.socket] = []
    async with leaving(FastAPI(), lambda address: waiting.append(connect(address))) as (server, address):
        server.should_exit = True
        await refuses(address)
        waiting[0].sendall(ASK)

        assert await heard(waiting[0]) == (b"http/1.1 200 ok", b'"here"')


async def test_a_request_that_came_long_before_is_told_to_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server library gives each request the headers of the second in which it came."""
    monkeypatch.setattr(http_server, "LEAVE_S", 600.0)
    app, asked, go = FastAPI(), asyncio.Event(), asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        asked.set()
        await go.wait()
        return "done"

    async with leaving(app, lambda _: None) as (server, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK.replace(b"/", b"/slow", 1))
        async with asyncio.timeout(20):
            await asked.wait()
            headers = server.server_state.default_headers
            while server.server_state.default_headers is headers:
                await asyncio.sleep(0.01)
        server.should_exit = True
        await refuses(address)
        go.set()

        assert await farewell(reader) == (b"http/1.1 200 ok", b'"done"')
        writer.close()


async def test_a_stop_answers_everybody_who_has_connected(tmp_path: Path) -> None:
    """From the outside: they came while the gateway had no time, and the stop is the first that it hears then."""
    async with gateway(tmp_path, None) as one:
        await one.start()
        await one.pause()
        with ExitStack() as connected:
            asked = ASK.replace(b"/", b"/healthz", 1)
            clients = [connected.enter_context(connect(address(one.url), asked)) for _ in range(50)]
            await asyncio.sleep(0.2)  # it looks every 0.1 s whether it shall stop; now it will look at once
            one.send(signal.SIGTERM)
            one.send(signal.SIGCONT)
            for client in clients:
                assert (await heard(client))[0] == b"http/1.1 200 ok"
        assert await one.kill(signal.SIGTERM) == 0


def test_a_gateway_that_has_not_started_yet_can_be_stopped(tmp_path: Path) -> None:
    """It waits for a database that says nothing."""
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
