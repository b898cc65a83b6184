"""A gateway that is served from a thread, for tests that are not coroutines themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.house import House, open_house

T = TypeVar("T")


@dataclass
class Served:
    """A house with its own event loop."""

    house: House
    loop: asyncio.AbstractEventLoop
    closing: asyncio.Event

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine of the house gives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def served_house(data: Path, database_url: str | None = None, **settings: Any) -> Iterator[Served]:
    """`open_house` on a thread of its own, for as long as the block runs."""
    opened: list[Served] = []
    ready = threading.Event()

    async def main() -> None:
        async with open_house(data, database_url, **settings) as house:
            opened.append(Served(house, asyncio.get_running_loop(), asyncio.Event()))
            ready.set()
            await opened[0].closing.wait()

    def serve() -> None:
        try:
            asyncio.run(main())
        finally:
            ready.set()

    thread = threading.Thread(target=serve, name="served house")
    thread.start()
    ready.wait()
    assert opened, "the gateway did not start"
    try:
        yield opened[0]
    finally:
        opened[0].loop.call_soon_threadsafe(opened[0].closing.set)
        thread.join()
