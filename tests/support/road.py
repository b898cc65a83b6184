"""A road to a server on which everything can be lost without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Road:
    """
    Carries connections to a port of this machine.

    From `swallow` on nothing comes through, and nobody is told. After `open` new connections do; what stood before
    leads nowhere for ever, as when the other end is another machine now.
    """

    def __init__(self, to: int) -> None:
        self.port = 0
        self._to = to
        self._swallows = False
        self._in_flight: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def swallow(self) -> None:
        self._swallows = True
        for task in self._in_flight:
            task.cancel()

    def open(self) -> None:
        self._swallows = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self._writers.append(writer)
        if self._swallows:
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers.append(back)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(_pump(source, target))
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)

    async def close(self) -> None:
        self.swallow()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
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
    """One to this port."""
    one = Road(to)
    server = await asyncio.start_server(one.carry, "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        await one.close()
