"""The request log on its way to the database, behind the requests' back."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import timedelta

import structlog
from prometheus_client import Counter

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.model.request_logs import LogEntry
from greenroom.services import request_logs

log = structlog.get_logger("greenroom.engine")

#: how late a line is written at the most, while the database keeps up
PERIOD_S = 0.5
#: lines of one transaction
BATCH = 200
#: lines that may wait; what comes then is lost. With bodies a line has 32 KiB and more
MOST_WAITING = 2000
#: how often we look for lines that are too old
SWEEP_S = 3600.0

lost = Counter("greenroom_request_log_lost", "Lines of the request log that were not written", ["reason"])


class RequestLogWriter:
    """
    Takes lines without ever waiting, and writes them in batches until `stop`.

    A line that cannot be written, since the database is away or too many wait, is lost and counted: the log must not
    endanger what it is about.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: deque[LogEntry] = deque()
        self._writing = asyncio.Lock()
        self._awake = asyncio.Event()
        self._stopping = False
        self._losing = False
        self._sweep_at = time.monotonic()

    def note(self, line: LogEntry) -> None:
        """Take a line."""
        if len(self._waiting) >= MOST_WAITING:
            self._lose(1, "full")
            return
        self._waiting.append(line)
        if len(self._waiting) >= BATCH:
            self._awake.set()

    async def flush(self) -> None:
        """Write what was noted until now, so that whoever reads next finds it."""
        async with self._writing:
            for _ in range(-(-len(self._waiting) // BATCH)):
                await self._write([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    async def run(self) -> None:
        """Write, and forget what is too old, until `stop`."""
        while not self._stopping:
            await self._rest()
            await self.flush()
            await self._sweep()
        await self.flush()

    def stop(self) -> None:
        """Let `run` write what waits, and end."""
        self._stopping = True
        self._awake.set()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(PERIOD_S):
                await self._awake.wait()
        except TimeoutError:
            pass
        self._awake.clear()

    async def _write(self, batch: list[LogEntry]) -> None:
        try:
            await request_logs.keep(self._ctx, batch)
        except Unavailable:
            self._lose(len(batch), "database_away")
        except Exception:
            log.exception("request_log_failed_inside")
            self._lose(len(batch), "internal")
        else:
            self._losing = False

    async def _sweep(self) -> None:
        """A batch a period, until nothing is too old; then not for an hour."""
        if time.monotonic() < self._sweep_at:
            return
        kept = timedelta(days=self._ctx.settings.log_retention_days)
        more = False
        try:
            more = await request_logs.forget_old(self._ctx, kept=kept)
        except Unavailable:
            more = True
        except Exception:
            log.exception("request_log_sweep_failed_inside")
        if not more:
            self._sweep_at = time.monotonic() + SWEEP_S

    def _lose(self, count: int, reason: str) -> None:
        lost.labels(reason).inc(count)
        if not self._losing:  # one line for all that is lost until writing succeeds again; the metric has the number
            log.warning("request_log_lost", reason=reason, note="greenroom_request_log_lost_total counts the lines")
        self._losing = True
