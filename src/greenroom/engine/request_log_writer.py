"""Writes the request log to the database asynchronously, in batches."""

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

#: longest delay of a log entry in seconds, while the database keeps up
PERIOD_S = 0.5
#: log entries per transaction
BATCH = 200
#: log entries that may wait; further entries are dropped. An entry with bodies takes 32 KiB and more
MOST_WAITING = 2000
#: seconds between two deletions of old log entries
SWEEP_S = 3600.0

lost = Counter("greenroom_request_log_lost", "Lines of the request log that were not written", ["reason"])


class RequestLogWriter:
    """
    Queue of log entries that never blocks its callers; `run` writes the entries in batches until `stop`.

    An entry that cannot be written, because the database is unavailable or the queue is full, is dropped and counted:
    the request log must not slow down or fail the requests.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._waiting: deque[LogEntry] = deque()
        self._writing = asyncio.Lock()
        self._awake = asyncio.Event()
        self._stopping = False
        self._losing = False
        self._delete_at = time.monotonic()

    def note(self, line: LogEntry) -> None:
        """Queues a log entry, or drops it if the queue is full."""
        if len(self._waiting) >= MOST_WAITING:
            self._lose(1, "full")
            return
        self._waiting.append(line)
        if len(self._waiting) >= BATCH:
            self._awake.set()

    async def flush(self) -> None:
        """Writes all log entries queued so far, so that a following read finds them."""
        async with self._writing:
            for _ in range(-(-len(self._waiting) // BATCH)):
                await self._write([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])

    async def run(self) -> None:
        """Writes log entries and deletes old ones until `stop`."""
        while not self._stopping:
            await self._rest()
            await self.flush()
            await self._delete_old()
        await self.flush()

    def stop(self) -> None:
        """Ends `run` after it has written the queued log entries."""
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

    async def _delete_old(self) -> None:
        """Deletes one batch of old log entries; after the last batch, waits `SWEEP_S` before the next."""
        if time.monotonic() < self._delete_at:
            return
        kept = timedelta(days=self._ctx.settings.log_retention_days)
        more = False
        try:
            more = await request_logs.delete_old(self._ctx, kept=kept)
        except Unavailable:
            more = True
        except Exception:
            log.exception("request_log_sweep_failed_inside")
        if not more:
            self._delete_at = time.monotonic() + SWEEP_S

    def _lose(self, count: int, reason: str) -> None:
        lost.labels(reason).inc(count)
        if not self._losing:  # one warning per outage; the metric counts the entries
            log.warning("request_log_lost", reason=reason, note="greenroom_request_log_lost_total counts the lines")
        self._losing = True
