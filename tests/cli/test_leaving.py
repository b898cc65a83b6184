"""How a gateway takes its leave: who is connected is answered, and told to go."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvicorn
from fastapi import FastAPI

from greenroom.cli import serve

ASK = b"GET / HTTP/1.1\r\nhost: gateway\r\n\r\n"


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one that says its length."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def refuses(address: tuple[str, int]) -> None:
    """Wait until nobody new is let in."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(*address)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


async def test_who_is_connected_is_answered_once_more_and_told_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A balancer whose request is on its way when the gateway is stopped must not find the connection closed."""
    monkeypatch.setattr(serve, "LEAVE_S", 600.0)
    app = FastAPI()
    app.state.first_link = None
    app.get("/")(lambda: "here")
    stopped: list[bool] = []

    async def stop_delivering() -> None:
        stopped.append(True)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = listener.getsockname()
        server = serve._Server(uvicorn.Config(app, log_config=None), app, stop_delivering, lambda: None)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*address)
        writer.write(ASK)
        head, _ = await answer(reader)
        assert b"connection: close" not in head

        server.should_exit = True
        await refuses(address)
        assert stopped  # nothing is claimed any more while others take their leave
        writer.write(ASK)

        head, body = await answer(reader)
        assert (b"connection: close" in head, body, await reader.read()) == (True, b'"here"', b"")
        async with asyncio.timeout(20):
            await serving
        writer.close()
