"""Stores refused calls of ATSs asynchronously, at most once a second."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from greenroom.context import Context
from greenroom.services import refused_calls

#: least seconds between two flushes
PERIOD_S = 1.0


class RefusedCallWriter:
    """Flushes the refused calls of this process: the first one at once, further ones after `PERIOD_S`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._awake, self._stopped = asyncio.Event(), asyncio.Event()
        ctx.refused_calls.on_first = self._awake.set

    async def run(self) -> None:
        """Stores refused calls until `stop`, and then those that wait."""
        while not self._stopped.is_set():
            await self._awake.wait()
            self._awake.clear()
            await refused_calls.flush(self._ctx)
            with suppress(TimeoutError):
                async with asyncio.timeout(PERIOD_S):
                    await self._stopped.wait()
        await refused_calls.flush(self._ctx)

    def stop(self) -> None:
        """Ends `run`."""
        self._stopped.set()
        self._awake.set()
