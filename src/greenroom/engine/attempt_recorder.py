"""Records finished attempts in the database, in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from greenroom.engine import metrics
from greenroom.engine.outages import log_outage
from greenroom.errors import Unavailable
from greenroom.model.attempts import Exchange, FinishedAttempt, Recorded
from greenroom.model.deliveries import PER_DESTINATION
from greenroom.model.events import stamp

log = structlog.get_logger("greenroom.engine")

#: seconds to collect finished attempts before a commit, which costs the same for one as for many. `ENOUGH` attempts end
#: the wait early: half of one destination's concurrency limit, so that the other half stays in flight meanwhile.
#: `TOGETHER` is the largest batch
GATHER_S = 0.01
ENOUGH = PER_DESTINATION // 2
TOGETHER = 128
#: seconds between two tries while the database is unavailable; the pause doubles from the first to the longest, after
#: which a recorder that is stopping drops the remaining attempts
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0

#: the response body recorded when the database cannot store the exchange
NOT_STORED = "(What was sent and answered could not be stored; the log of the worker says why.)"

#: records attempts and returns each delivery's state; None if its lease has passed to another worker
Record = Callable[[Sequence[FinishedAttempt]], Awaitable[list[Recorded | None]]]


class AttemptRecorder:
    """
    Passes added attempts to `record` in order, and retries while the database is unavailable.

    Calls `done` for each attempt that is recorded, or that cannot be recorded and will be repeated.
    """

    def __init__(self, record: Record, done: Callable[[FinishedAttempt], None], *, worker: str) -> None:
        self._record = record
        self._done = done
        self._worker = worker
        self._waiting: list[FinishedAttempt] = []
        self._alone = 0
        self._added = asyncio.Event()
        self._enough = asyncio.Event()
        self._stopping = False
        self.late = False  #: whether the last write failed because the database was unavailable

    @property
    def full(self) -> bool:
        """Returns whether a full batch waits; the engine claims nothing until the batch is written."""
        return len(self._waiting) >= TOGETHER

    def add(self, ended: FinishedAttempt) -> None:
        """Queues a finished attempt for recording."""
        self._waiting.append(ended)
        self._added.set()
        if len(self._waiting) >= ENOUGH:
            self._enough.set()

    def stop(self) -> None:
        """Ends `run` once every queued attempt is recorded; no attempt may be added afterwards."""
        self._stopping = True
        self._added.set()
        self._enough.set()

    async def run(self) -> None:
        """Writes until `stop`; attempts that an unavailable database cannot take by then will be repeated."""
        pause = FIRST_PAUSE_S
        while self._waiting or not self._stopping:
            await self._collect()
            try:
                await self.write()
                self.late, pause = False, FIRST_PAUSE_S
            except Unavailable as error:
                if self._stopping and pause == LONGEST_PAUSE_S:
                    log.error("attempts_not_recorded", count=len(self._waiting), note="they will be repeated")
                    return
                self.late = True
                log_outage(error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            except Exception:  # a defect that one attempt triggers must not end the recorder
                log.exception("recording_failed_inside", next_try_s=pause)
                await asyncio.sleep(pause)

    async def write(self) -> None:
        """
        Writes all queued attempts.

        Raises:
            Unavailable: the database is unavailable; unrecorded attempts stay queued.
        """
        while self._waiting:
            await self._write_some()

    async def _collect(self) -> None:
        if not self._waiting:
            self._added.clear()
            await self._added.wait()
        if len(self._waiting) < ENOUGH and not self._stopping:
            self._enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._enough.wait()

    async def _write_some(self) -> None:
        batch = self._waiting[: 1 if self._alone else TOGETHER]
        try:
            recorded = await self._record(batch)
        except Unavailable:
            raise
        except Exception:
            if len(batch) > 1:  # write the batch one by one, so that an attempt that cannot be stored blocks no other
                self._alone = len(batch)
                return
            bare = Exchange(status=batch[0].exchange.status, response_body=NOT_STORED)
            if batch[0].exchange != bare:  # unrecorded, the delivery would be repeated each time its lease expires
                log.exception("exchange_not_recorded", delivery_id=batch[0].claimed.id)
                self._waiting[0] = replace(batch[0], exchange=bare)
                return
            log.exception("attempt_not_recorded", delivery_id=batch[0].claimed.id, note="it will be repeated")
            recorded = []
        self._alone = max(0, self._alone - len(batch))
        del self._waiting[: len(batch)]
        for ended in batch:
            self._done(ended)
        for ended, outcome in zip(batch, recorded, strict=False):
            _log_attempt(ended, outcome, self._worker)


def _log_attempt(ended: FinishedAttempt, recorded: Recorded | None, worker: str) -> None:
    metrics.count(ended, recorded)
    claimed, next_due_at = ended.claimed, recorded.next_due_at if recorded else None
    log.info(
        "attempt",
        delivery_id=claimed.id,
        event_id=claimed.event_id,
        order_id=claimed.order_id,
        lane=claimed.lane,
        destination_id=claimed.destination_id,
        number=claimed.attempt,
        trigger=claimed.trigger,
        status=ended.exchange.status,
        error=ended.fault.kind if ended.fault else None,
        ms=round(ended.duration.total_seconds() * 1000),
        address=ended.exchange.address,
        state=recorded.state if recorded else "lease lost",
        next_attempt_at=stamp(next_due_at) if next_due_at else None,
        worker=worker,
    )
