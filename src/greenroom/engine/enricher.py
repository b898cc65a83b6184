"""The enrichment loop of one worker process: reads for orders at their ATS, one batch an account at a time."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import structlog

from greenroom import connectors
from greenroom.connectors.contract import ToEnrich
from greenroom.context import Context
from greenroom.engine.outages import log_outage
from greenroom.errors import Unavailable
from greenroom.model.enrichment import UNAVAILABLE, Batch, Enriched, Enrichment, Read
from greenroom.model.orders import Order
from greenroom.outbound import Outbound
from greenroom.security.vault import VaultError
from greenroom.services import enrichments
from greenroom.services.enrichments import LEASE, Due

log = structlog.get_logger("greenroom.enrichment")

#: longest seconds until orders are noticed that another process accepted, or that became due
POLL_S = 0.5
#: accounts that one process reads for at a time
SLOTS = 32
#: seconds that a batch may take; less than its lease, so that no other worker reads for the account meanwhile
DEADLINE_S = LEASE.total_seconds() - 15


class Enricher:
    """Claims accounts with orders to be enriched, reads for them, and stores the results."""

    def __init__(self, ctx: Context, out: Outbound) -> None:
        self._ctx = ctx
        self._out = out
        self._awake = asyncio.Event()
        self._in_flight: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Makes the loop look for orders now."""
        self._awake.set()

    async def run(self) -> None:
        """Enriches until cancelled; the leases of batches that are cut expire, and others read for their accounts."""
        pause = POLL_S
        try:
            while True:
                self._awake.clear()
                try:
                    await self._start_due()
                    pause = POLL_S
                except Unavailable as error:
                    pause = min(pause * 2, 10.0)
                    log_outage(error)
                except Exception:  # a defect that one order triggers must not end the loop
                    pause = min(pause * 2, 10.0)
                    log.exception("enrichment_failed_inside", next_try_s=pause)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._awake.wait()
        finally:
            for task in tuple(self._in_flight):
                task.cancel()
            await asyncio.gather(*self._in_flight, return_exceptions=True)

    async def run_once(self) -> int:
        """Enriches everything that is due now; returns the number of batches. For tests and tools."""
        count = 0
        while (due := await enrichments.claim(self._ctx)) is not None:
            await self._enrich(due)
            count += 1
        return count

    async def _start_due(self) -> None:
        if len(self._in_flight) >= SLOTS or not await enrichments.has_due(self._ctx):
            return
        while len(self._in_flight) < SLOTS and (due := await enrichments.claim(self._ctx)) is not None:
            task = asyncio.create_task(self._enrich(due))
            self._in_flight.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self.wake()
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("enrichment_failed_inside", exc_info=defect)

    async def _enrich(self, due: Due) -> None:
        try:
            batch = await self._read(due)
            await enrichments.complete(self._ctx, due, batch)
        except (Unavailable, asyncio.CancelledError) as error:  # the orders stay due, for this or another process
            with suppress(Unavailable):
                await enrichments.release(self._ctx, due)
            if isinstance(error, asyncio.CancelledError):
                raise

    async def _read(self, due: Due) -> Batch:
        if due.account is None or due.integration is None:
            return Batch({order.id: self._gone(order, due) for order in due.orders})
        enrichment = connectors.discover()[due.account.provider].enrichment
        assert enrichment is not None  # noqa: S101 - orders of other ATSs are never queued
        urls = connectors.get_addresses(self._ctx.settings)
        asked = ToEnrich(due.account, due.integration, due.orders, urls)
        started, started_at = time.monotonic(), self._ctx.now()
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await enrichment.enrich(self._ctx, self._out, asked)
        except Unavailable:
            raise
        except VaultError as error:
            result = str(error)
        except TimeoutError:
            result = f"No result within {DEADLINE_S:.0f} s."
        except Exception:  # a defect that one answer triggers must not end the loop
            log.exception("enrichment_failed_inside", account_id=due.account_id)
            result = "Greenroom itself failed; its log has the cause."
        read = Read("all", started_at, round((time.monotonic() - started) * 1000), result, ok=False)
        found = Enrichment("none", UNAVAILABLE, self._ctx.now())
        return Batch({order.id: Enriched(found, (read,), retry=True) for order in due.orders})

    def _gone(self, order: Order, due: Due) -> Enriched:
        """Returns the outcome for an order whose account is deleted, or whose integration cannot be read."""
        now = self._ctx.now()
        if due.account is None:
            return Enriched(Enrichment("none", "hiring_team.not_connected", now))
        read = Read("integration", now, 0, "The integration is gone, or its secrets cannot be opened.", ok=False)
        return Enriched(Enrichment("none", UNAVAILABLE, now), (read,), retry=True)
