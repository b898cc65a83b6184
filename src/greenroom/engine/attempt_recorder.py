"""Finished attempts on their way into the database, which are recorded together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from greenroom.engine import metrics
from greenroom.errors import Unavailable
from greenroom.model.attempts import Exchange, FinishedAttempt, Recorded
from greenroom.model.deliveries import PER_DESTINATION
from greenroom.model.events import stamp

log = structlog.get_logger("greenroom.engine")

#: a commit costs the same for one attempt as for many, so the ones that end within this are written together; half of
#: what one destination may have under way is enough, to write them and to claim the next: the other half is attempted
#: meanwhile
GATHER_S = 0.01
ENOUGH = PER_DESTINATION // 2
TOGETHER = 128
#: between two tries while the database is away; it doubles, and who stops gives up after the longest
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0

#: what an attempt has in place of an exchange that the database does not take
NOT_STORED = "(What was sent and answered could not be stored; the log of the worker says why.)"

#: where each delivery is then, None where its lease has passed to another worker
Settle = Callable[[Sequence[FinishedAttempt]], Awaitable[list[Recorded | None]]]


class AttemptRecorder:
    """
    Hands what `add` is given to `settle`, in the order in which it came, and patiently: an outage of the database means
    a delay. `done` is told of each attempt that is on record, or that cannot be and will be repeated.
    """

    def __init__(self, settle: Settle, done: Callable[[FinishedAttempt], None], *, worker: str) -> None:
        self._settle = settle
        self._done = done
        self._worker = worker
        self._waiting: list[FinishedAttempt] = []
        self._alone = 0
        self._came = asyncio.Event()
        self._enough = asyncio.Event()
        self._stopping = False
        self.late = False  #: the database did not take the last ones yet

    @property
    def full(self) -> bool:
        """More wait than are written together: whoever makes more of them should pause."""
        return len(self._waiting) >= TOGETHER

    def add(self, ended: FinishedAttempt) -> None:
        """Put this on record soon."""
        self._waiting.append(ended)
        self._came.set()
        if len(self._waiting) >= ENOUGH:
            self._enough.set()

    def stop(self) -> None:
        """Nothing more will be added; `run` ends when everything is on record."""
        self._stopping = True
        self._came.set()
        self._enough.set()

    async def run(self) -> None:
        """Write until `stop`; what the database does not take then will be repeated."""
        pause = FIRST_PAUSE_S
        while self._waiting or not self._stopping:
            await self._gather()
            try:
                await self.write()
                self.late, pause = False, FIRST_PAUSE_S
            except Unavailable as error:
                if self._stopping and pause == LONGEST_PAUSE_S:
                    log.error("attempts_not_recorded", count=len(self._waiting), note="they will be repeated")
                    return
                self.late = True
                log.warning("database_away", error=error.message, next_try_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)
            except Exception:  # a defect in what is said of one must not end the records of all that come
                log.exception("recording_failed_inside", next_try_s=pause)
                await asyncio.sleep(pause)

    async def write(self) -> None:
        """
        Write all that has come.

        Raises:
            Unavailable: the database is away; what is not on record still waits.
        """
        while self._waiting:
            await self._write_some()

    async def _gather(self) -> None:
        if not self._waiting:
            self._came.clear()
            await self._came.wait()
        if len(self._waiting) < ENOUGH and not self._stopping:
            self._enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._enough.wait()

    async def _write_some(self) -> None:
        batch = self._waiting[: 1 if self._alone else TOGETHER]
        try:
            settled = await self._settle(batch)
        except Unavailable:
            raise
        except Exception:
            if len(batch) > 1:  # one of them cannot be stored: it must not keep the others from it
                self._alone = len(batch)
                return
            bare = Exchange(status=batch[0].exchange.status, response_body=NOT_STORED)
            if batch[0].exchange != bare:  # without it on record the delivery would be repeated with every lease
                log.exception("exchange_not_recorded", delivery_id=batch[0].claimed.id)
                self._waiting[0] = replace(batch[0], exchange=bare)
                return
            log.exception("attempt_not_recorded", delivery_id=batch[0].claimed.id, note="it will be repeated")
            settled = []
        self._alone = max(0, self._alone - len(batch))
        del self._waiting[: len(batch)]
        for ended in batch:
            self._done(ended)
        for ended, left in zip(batch, settled, strict=False):
            _tell(ended, left, self._worker)


def _tell(ended: FinishedAttempt, settled: Recorded | None, worker: str) -> None:
    metrics.count(ended)
    claimed, next_due_at = ended.claimed, settled.next_due_at if settled else None
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
        state=settled.state if settled else "lease lost",
        next_attempt_at=stamp(next_due_at) if next_due_at else None,
        worker=worker,
    )
