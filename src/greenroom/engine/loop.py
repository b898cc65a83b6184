"""The delivery loop: one process's share of everything that is due."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from greenroom.connectors import Push, discover
from greenroom.context import Context
from greenroom.engine import metrics, vendor
from greenroom.engine.places import Places
from greenroom.engine.traces import Step, step
from greenroom.engine.upkeep import keep_up
from greenroom.errors import GiveUp, NotFound, RemoteError, TryLater, Unavailable
from greenroom.model.deliveries import Claimed
from greenroom.model.webhooks import Webhook
from greenroom.outbound import Answer, Outbound, Request
from greenroom.security import masks
from greenroom.services import deliveries, orders, replays, webhooks
from greenroom.services.deliveries import Ended, Exchange

log = structlog.get_logger("greenroom.engine")

#: how late we notice what another process queued, and what became due
POLL_S = 0.5
#: a claim costs the same for one delivery as for many, so the places that come free meanwhile are filled together
GATHER_S = 0.005
#: how long a stop waits for attempts under way
GRACE_S = 20.0
KEPT_BODY = 2048

Judge = Callable[[Answer], None]
Destinations = dict[str, tuple[Webhook, list[str]]]


class Engine:
    """
    Claims what is due, attempts it, settles it; any number of engines share one database.

    `run` goes on until `stop`; database outages and faults of single deliveries do not end it.
    """

    def __init__(self, ctx: Context, out: Outbound) -> None:
        self._ctx = ctx
        self._out = out
        self._places = Places(ctx)
        self._awake = asyncio.Event()
        self._stopping = False
        self._under_way: set[asyncio.Task[None]] = set()
        self.worker = f"{socket.gethostname()}:{os.getpid()}"

    def wake(self) -> None:
        """Something may be due: look now."""
        self._awake.set()

    async def run(self) -> None:
        """Deliver until `stop`."""
        upkeep = asyncio.create_task(keep_up(self._ctx), name="upkeep")
        try:
            await self._run()
        finally:
            upkeep.cancel()
            await asyncio.gather(upkeep, return_exceptions=True)

    async def _run(self) -> None:
        pause = POLL_S
        while not self._stopping:
            self._awake.clear()
            try:
                busy = await self._start_due()
                pause = POLL_S
            except Unavailable as error:
                busy, pause = False, min(pause * 2, 10.0)
                log.warning("database_away", error=error.message, next_try_s=pause)
            if busy:
                await asyncio.sleep(GATHER_S)
            else:
                await self._rest(pause)

    async def stop(self) -> None:
        """Claim nothing more, finish what is under way."""
        self._stopping = True
        self.wake()
        if self._under_way:
            _, cut = await asyncio.wait(self._under_way, timeout=GRACE_S)
            for task in cut:
                task.cancel()
            await asyncio.gather(*cut, return_exceptions=True)

    async def _rest(self, longest: float) -> None:
        try:
            async with asyncio.timeout(longest):
                await self._awake.wait()
        except TimeoutError:
            pass

    async def _start_due(self) -> bool:
        """Claim as many as there are free places and start them; False: nothing to do until something happens."""
        claimed = await self._places.claim()
        if self._stopping:
            await self._places.give_back(claimed)
            return False
        destinations = await self._destinations(claimed)
        for one in claimed:
            task = asyncio.create_task(self._deliver(one, destinations))
            self._under_way.add(task)
            task.add_done_callback(partial(self._ended, one))
        return bool(claimed) or not self._places.idle

    def _ended(self, claimed: Claimed, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._places.leave(claimed)
        self.wake()

    async def run_once(self) -> int:
        """Attempt everything that is due now, and wait for it; how many attempts. For tests and tools."""
        made = 0
        await replays.advance(self._ctx)
        while (claimed := await self._places.claim()) or not self._places.idle:
            destinations = await self._destinations(claimed)
            await asyncio.gather(*(self._deliver(one, destinations) for one in claimed))
            for one in claimed:
                self._places.leave(one)
            made += len(claimed)
        return made

    async def _destinations(self, claimed: Sequence[Claimed]) -> Destinations:
        ids = sorted({one.destination_id for one in claimed if one.lane == "vendor"})
        return await webhooks.destinations(self._ctx, ids) if ids else {}

    async def _deliver(self, claimed: Claimed, destinations: Destinations) -> None:
        """One attempt from the request to its record."""
        with step(self._ctx.tracing, claimed) as traced:
            ended = await self._attempt(claimed, destinations, traced)
            traced.ended(ended.exchange, ended.fault)
        await self._settle(ended)

    async def _attempt(self, claimed: Claimed, destinations: Destinations, traced: Step) -> Ended:
        started_at, started = self._ctx.now(), time.monotonic()
        exchange, fault = Exchange(), None
        try:
            request, judge = await self._prepare(claimed, destinations)
            request = traced.carried_by(request)
            exchange = Exchange(url=request.url, headers=masks.headers(request.headers))
            answer = await self._out.send(request, deadline=vendor.DEADLINE_S)
            exchange = _answered(exchange, answer)
            judge(answer)
        except RemoteError as error:
            fault = error
        except Exception as error:  # one delivery's fault must not stop the others
            log.exception("attempt_failed_inside", delivery_id=claimed.id)
            fault = TryLater(f"Greenroom itself failed: {type(error).__name__}.", kind="internal")
        duration = timedelta(seconds=time.monotonic() - started)
        return Ended(claimed, started_at, duration, fault, exchange)

    async def _prepare(self, claimed: Claimed, destinations: Destinations) -> tuple[Request, Judge]:
        """The request of this attempt, and who judges its answer."""
        if claimed.lane == "vendor":
            sent_at = int(self._ctx.now().timestamp())
            request = vendor.webhook_request(claimed, destinations.get(claimed.destination_id), sent_at=sent_at)
            return request, vendor.judge
        try:
            order, integration, token = await orders.for_push(self._ctx, claimed.project_id, str(claimed.order_id))
        except NotFound as error:
            raise GiveUp(error.message, kind="not_configured") from error
        connector = discover()[order.provider]
        push = Push(order, integration, token)
        return connector.push_request(push, allow_http=self._ctx.settings.allow_http), connector.judge

    async def _settle(self, ended: Ended) -> None:
        """Write what became of it, patiently: an outage here means a repeat, never a loss."""
        if ended.fault is not None:
            self._places.troubled.add(ended.claimed.destination_id)
        watched = ended.claimed.destination_id in self._places.troubled
        for pause in (0.2, 1.0, 3.0, 8.0):
            try:
                state = await deliveries.settle(self._ctx, ended, worker=self.worker, watched=watched)
            except Unavailable:
                await asyncio.sleep(pause)
                continue
            metrics.count(ended, now=self._ctx.now())
            log.info(
                "attempt",
                delivery_id=ended.claimed.id,
                event_id=ended.claimed.event_id,
                order_id=ended.claimed.order_id,
                lane=ended.claimed.lane,
                number=ended.claimed.attempt,
                status=ended.exchange.status,
                error=ended.fault.kind if ended.fault else None,
                ms=round(ended.duration.total_seconds() * 1000),
                state=state or "lease lost",
            )
            return
        log.error("attempt_not_recorded", delivery_id=ended.claimed.id, note="it will be repeated")


def _answered(exchange: Exchange, answer: Answer) -> Exchange:
    return replace(
        exchange,
        status=answer.status,
        response_headers=masks.headers(answer.headers),
        response_body=answer.body[:KEPT_BODY].decode(errors="replace"),
        address=answer.address,
    )
