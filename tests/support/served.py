"""A gateway that runs in a thread, for tests that are not coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import structlog

from tests.house import House, open_house

T = TypeVar("T")


@dataclass
class Served:
    """A house with its own event loop."""

    house: House
    loop: asyncio.AbstractEventLoop
    closing: asyncio.Event

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Returns the result of a coroutine, run on the gateway's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def _logged_for_pytest() -> Iterator[None]:
    """Sends the thread's log to pytest, which shows it with the failed test."""
    before = structlog.get_config()
    processors = [structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
    structlog.configure(processors=processors, logger_factory=structlog.stdlib.LoggerFactory())
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def served_house(data: Path, database_url: str | None = None, **settings: Any) -> Iterator[Served]:
    """Runs `open_house` in a thread for the block."""
    with _logged_for_pytest(), _served(data, database_url, **settings) as served:
        yield served


@contextmanager
def _served(data: Path, database_url: str | None, **settings: Any) -> Iterator[Served]:
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
