"""A TCP relay that can silently drop all traffic to a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Road:
    """
    Relays connections to a port of this machine.

    After `swallow` no byte passes and no connection is closed. After `open` new connections pass again; the earlier
    ones stay dead, as when the other end has been replaced by another machine.
    """

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._swallows = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def swallow(self) -> None:
        self._swallows = True
        for task in self._tasks:
            task.cancel()

    def open(self) -> None:
        self._swallows = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relays one connection."""
        self._writers.append(writer)
        if self._swallows:
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers.append(back)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(_pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        self.swallow()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def road(to: int) -> AsyncIterator[Road]:
    """Runs a relay to this port."""
    one = Road(to)
    server = await asyncio.start_server(one.carry, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        await one.close()
