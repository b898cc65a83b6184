"""The delivery loop of one worker process."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import structlog

from greenroom import connectors
from greenroom.context import Context
from greenroom.engine import metrics, vendor
from greenroom.engine.attempt_recorder import ENOUGH, LONGEST_PAUSE_S, AttemptRecorder
from greenroom.engine.attempt_traces import AttemptSpan, trace_attempt
from greenroom.engine.clock import Clock
from greenroom.engine.direct_dispatch import DirectDispatch
from greenroom.engine.enricher import Enricher
from greenroom.engine.liveness import Liveness
from greenroom.engine.maintenance import Jobs, run_maintenance
from greenroom.engine.outages import log_outage
from greenroom.engine.queue_limit import QueueLimit
from greenroom.engine.resume_fetcher import run_resumes
from greenroom.engine.slots import LEASE, LONGEST, Slots
from greenroom.errors import GiveUp, LocalFault, NotFound, RemoteError, TryLater, Unavailable
from greenroom.model.attempts import Exchange, FinishedAttempt, Recorded
from greenroom.model.custom_headers import LONGEST_VALUE
from greenroom.model.deliveries import Claimed, Nudging
from greenroom.model.updates import Update
from greenroom.model.webhooks import Destination
from greenroom.outbound import Answer, Outbound, Request
from greenroom.security import masks
from greenroom.security.vault import VaultError
from greenroom.services import deliveries, heartbeats, replays, signed_webhooks

log = structlog.get_logger("greenroom.engine")

#: longest seconds until the loop notices deliveries that another process queued, or that became due
POLL_S = 0.5
#: seconds until the next claim after one that found deliveries, since more may follow
SOON_S = 0.02
#: least seconds between the beginnings of two claims, since a claim costs the same for one delivery as for many
GATHER_S = 0.005
#: attempts started before the loop yields to other tasks, such as incoming orders and database answers
AT_ONCE = 8
#: seconds after its claim within which an attempt must begin: a later one may outlast its lease, and another worker may
#: attempt the same delivery
SPARE_S = (LEASE - LONGEST).total_seconds()
#: after an outage of this many seconds, the leases of unrecorded attempts may have expired and a claim would repeat the
#: attempts. So workers wait `AFTER_OUTAGE_S` before they claim, in which their recorders try again
LONG_OUTAGE_S = SPARE_S
AFTER_OUTAGE_S = LONGEST_PAUSE_S + 1.0
#: seconds that a stop waits for in-flight attempts
GRACE_S = 20.0
#: seconds that a stop waits for the database to forget the worker's heartbeat
END_S = 1.0
MAX_BODY_CHARACTERS = 2048


@dataclass(frozen=True)
class _Plan:
    """How to make an attempt: its request, the function that judges the answer, and an ATS's nudging."""

    request: Callable[[], Request]
    judge: Callable[[Answer], None]
    nudging: Nudging | None = None


class Engine:
    """
    The delivery loop: claims due deliveries, attempts them and records the outcome.

    Any number of engines share one database. `run` goes on until `stop`; database outages and faults of single
    deliveries do not end it.
    """

    def __init__(self, ctx: Context, out: Outbound, *, jobs: Jobs | None = None) -> None:
        self._ctx = ctx
        self._jobs = jobs or {}
        self._out = out
        self._liveness = Liveness(ctx)
        self._slots = Slots(ctx, self._liveness)
        self._clock = Clock(ctx)
        self.queue_limit = QueueLimit(ctx)
        self.enricher = Enricher(ctx, out)
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._recorder = AttemptRecorder(self._settle, self._recorded, worker=self.worker)
        self._awake = asyncio.Event()
        self._stopping = self._finished = False
        self._away_since: float | None = None
        self._last_claim_succeeded = False  #: whether the last claim succeeded
        self._in_flight: set[asyncio.Task[FinishedAttempt | None]] = set()

    def wake(self) -> None:
        """Makes the loop claim now, since deliveries may be due."""
        self._awake.set()

    def enrich(self) -> None:
        """Makes the enrichment loop look for orders now."""
        self.enricher.wake()

    def open_dispatch(self) -> DirectDispatch | None:
        """Returns a direct dispatch for one unit of work, or None while the engine is impaired."""
        fine = self._last_claim_succeeded and not (
            self._stopping or self._away_since or self._recorder.late or self._recorder.full
        )
        if not fine or not self._clock.was_right:
            return None
        return DirectDispatch(self._slots, partial(self._start, since=time.monotonic()))

    def is_queue_full(self, project_id: str) -> bool:
        """Returns whether a webhook of the project had reached GREENROOM_QUEUE_LIMIT at the last check."""
        return self.queue_limit.is_full(project_id)

    async def run(self) -> None:
        """Delivers until `stop`."""
        await self._liveness.begin()
        maintenance = asyncio.create_task(
            run_maintenance(self._ctx, self._out, self.worker, self._jobs), name="maintenance"
        )
        fetching = asyncio.create_task(run_resumes(self._ctx, self._out), name="resumes")
        recording = asyncio.create_task(self._recorder.run(), name="attempt-recorder")
        watching = asyncio.create_task(self._liveness.run(self.wake), name="liveness")
        enriching = asyncio.create_task(self.enricher.run(), name="enricher")
        try:
            await self._run()
            await self._finish()
            self._recorder.stop()
            await recording
        finally:
            tasks = (maintenance, fetching, recording, watching, enriching)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._liveness.close()
            with suppress(Unavailable, TimeoutError):  # then the heartbeat expires by itself
                async with asyncio.timeout(END_S):
                    await heartbeats.end(self._ctx, self.worker)

    async def stop(self) -> None:
        """Stops claims and direct dispatch; `run` ends once in-flight attempts have finished."""
        self._stopping = True
        self._slots.close()
        self.wake()

    async def _run(self) -> None:
        pause = POLL_S
        while not self._stopping:
            self._awake.clear()
            began = time.monotonic()
            try:
                await self._recover_from_outage()
                await self._liveness.interrupt_dead(lease=LEASE)
                rest = await self._start_due()
                pause, self._last_claim_succeeded = POLL_S, True
            except Unavailable as error:
                self._last_claim_succeeded = False
                self._away_since = self._away_since or began
                rest = pause = min(pause * 2, 10.0)
                log_outage(error)
            except Exception:  # a defect that one delivery triggers must not end the loop
                rest = pause = min(pause * 2, 10.0)
                log.exception("claim_failed_inside", next_try_s=pause)
            if rest:
                await self._rest(self._slots.rest_s(rest))
            await asyncio.sleep(max(0.0, began + GATHER_S - time.monotonic()))

    async def _finish(self) -> None:
        """Waits for every slot to be free, at most `GRACE_S`, and cancels the attempts that remain."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._slots.all_free()
        self._finished = True
        cut = tuple(self._in_flight)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)

    async def _rest(self, longest: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(longest):
                await self._awake.wait()

    async def _recover_from_outage(self) -> None:
        """
        Checks that an outage is over; after a long one, waits before the next claim.

        Other workers may record their attempts meanwhile.

        Raises:
            Unavailable: the database is still unavailable.
        """
        if self._recorder.late:
            self._away_since = self._away_since or time.monotonic()
        if self._away_since is None:
            return
        await self._clock.look()
        away_s, self._away_since = time.monotonic() - self._away_since, None
        if away_s > LONG_OUTAGE_S:
            log.info("database_back", away_s=round(away_s), next_claim_s=AFTER_OUTAGE_S)
            await self._wait_unless_stopped(AFTER_OUTAGE_S)

    async def _wait_unless_stopped(self, longest: float) -> None:
        until = time.monotonic() + longest
        while not self._stopping and (left := until - time.monotonic()) > 0:
            self._awake.clear()
            await self._rest(left)

    async def _start_due(self) -> float:
        """Claims deliveries for the free slots and starts them; returns the seconds until the next claim."""
        if self._recorder.late or self._recorder.full or not self._slots.free or not await self._clock.is_right():
            return POLL_S
        since = time.monotonic()
        batch = await self._slots.claim()
        metrics.CLAIM.observe(time.monotonic() - since)
        if self._stopping:
            await self._slots.give_back(batch.claimed)
            return POLL_S
        for number, one in enumerate(batch.claimed, start=1):
            self._start(one, batch.destinations.get(one.destination_id), since=since)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        if self._slots.more:
            return 0.0
        return SOON_S if batch.claimed else POLL_S

    def _start(self, claimed: Claimed, destination: Destination | None, *, since: float) -> None:
        if self._finished:  # the recorder has stopped; the delivery is repeated when its lease expires
            self._slots.leave(claimed)
            return
        task = asyncio.create_task(self._deliver(claimed, destination, since))
        self._in_flight.add(task)
        task.add_done_callback(partial(self._ended, claimed))

    def _ended(self, claimed: Claimed, task: asyncio.Task[FinishedAttempt | None]) -> None:
        self._in_flight.discard(task)
        defect = None if task.cancelled() else task.exception()
        if defect is not None:  # the delivery is repeated when its lease expires
            log.error("delivery_failed_inside", delivery_id=claimed.id, exc_info=defect)
        self._complete(claimed, None if task.cancelled() or defect else task.result())

    def _complete(self, claimed: Claimed, ended: FinishedAttempt | None) -> None:
        if ended is None:
            self._slots.leave(claimed)
        else:
            self._slots.ended(claimed)
            self._recorder.add(ended)
        if self._slots.freed >= ENOUGH:
            self.wake()

    async def run_once(self) -> int:
        """Attempts everything that is due now and returns the number of attempts. For tests and tools."""
        made = 0
        await replays.advance(self._ctx)
        while (batch := await self._slots.claim()).claimed or not self._slots.idle:
            since = time.monotonic()
            attempts = (self._deliver(one, batch.destinations.get(one.destination_id), since) for one in batch.claimed)
            for one, ended in zip(batch.claimed, await asyncio.gather(*attempts), strict=True):
                self._complete(one, ended)
            await self._recorder.write()
            made += len(batch.claimed)
        return made

    async def _deliver(self, claimed: Claimed, destination: Destination | None, since: float) -> FinishedAttempt | None:
        """
        Makes one attempt, from the request to its result.

        Returns None when nothing was sent: the database was unavailable or too slow, or a local fault prevented the
        attempt. `since` is when the claim began, in monotonic seconds.
        """
        try:
            with trace_attempt(self._ctx.tracing, claimed) as traced:
                ended = await self._attempt(claimed, destination, since, traced)
                traced.ended(ended)
        except Unavailable:
            await self._slots.release([claimed])
            return None
        except LocalFault as fault:
            await self._slots.postpone(claimed, fault)
            return None
        return ended

    async def _attempt(
        self, claimed: Claimed, destination: Destination | None, since: float, traced: AttemptSpan
    ) -> FinishedAttempt:
        started_at, started = self._ctx.now(), time.monotonic()
        plan, request, answer, fault = None, None, None, None
        try:
            plan = await self._prepare(claimed, destination)
            request = plan.request()
            if time.monotonic() - since > SPARE_S or self._liveness.lost_at > since:
                raise Unavailable
            request = traced.add_traceparent(request)
            answer = await self._out.send(request, deadline=vendor.DEADLINE_S)
            plan.judge(answer)
        except (Unavailable, LocalFault):
            raise
        except VaultError as error:  # another process, or this one after a restart, may have the key
            raise LocalFault(str(error), kind="sealed") from error
        except RemoteError as error:
            fault = error
        except Exception as error:  # one delivery's fault must not stop the others
            log.exception("attempt_failed_inside", delivery_id=claimed.id)
            fault = TryLater(f"Greenroom itself failed: {_where(error)}.", kind="internal")
        duration = timedelta(seconds=time.monotonic() - started)
        nudging = plan.nudging if plan else None
        return FinishedAttempt(
            self._ctx.new_id("att"), claimed, started_at, duration, fault, _exchange(request, answer), nudging
        )

    async def _prepare(self, claimed: Claimed, destination: Destination | None) -> _Plan:
        if claimed.lane == "vendor":
            if destination is None:  # deleted or unreadable: reading it again tells which
                destination = await signed_webhooks.find(self._ctx, claimed.destination_id)
            now = self._ctx.now
            return _Plan(partial(vendor.webhook_request, claimed, destination, now=now), vendor.judge)
        update = Update.read(claimed.payload)
        try:
            connector, push = await connectors.find_push(self._ctx, claimed.project_id, str(claimed.order_id), update)
        except NotFound as error:
            raise GiveUp(error.message, kind="not_configured") from error
        return _Plan(partial(connector.push_request, push), connector.judge, connector.nudging)

    async def _settle(self, ended: Sequence[FinishedAttempt]) -> list[Recorded | None]:
        self._slots.troubled.update(one.claimed.destination_id for one in ended if one.fault is not None)
        watched = frozenset(self._slots.troubled)
        settled = await deliveries.record_attempts(self._ctx, ended, worker=self.worker, watched=watched)
        if any(one.claimed.lane == "ats" for one in ended):  # the next update of the order may be due
            self.wake()
        return settled

    def _recorded(self, ended: FinishedAttempt) -> None:
        self._slots.recorded(ended.claimed)
        if self._slots.is_wanted(ended.claimed.destination_id):
            self.wake()


def _where(error: Exception) -> str:
    """Returns a defect's type and innermost code lines, without its message, which may hold secrets."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-4:])
    lines = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} at {lines}"


def _exchange(request: Request | None, answer: Answer | None) -> Exchange:
    """Returns the parts of a request and its answer that are recorded, with secrets masked."""
    if request is None:
        return Exchange()
    custom = request.secret_headers
    sent = masks.headers(request.headers, secret=custom)
    if answer is None:
        return Exchange(masks.text(request.url), sent)
    # the answer is masked too, since a receiver may echo the request's credentials
    start = answer.body[: MAX_BODY_CHARACTERS + LONGEST_VALUE].decode(errors="replace")  # no value is cut in two
    body = masks.text(masks.values(start, custom)[:MAX_BODY_CHARACTERS])
    headers = {name: masks.values(value, custom) for name, value in masks.headers(answer.headers).items()}
    return Exchange(masks.text(request.url), sent, answer.status, headers, body, answer.address)
