"""Which workers live, by their database sessions: what a dead one had in flight is attempted again at once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from greenroom.context import Context
from greenroom.engine.attempt_recorder import LONGEST_PAUSE_S
from greenroom.errors import Unavailable
from greenroom.model.claims import MARK
from greenroom.services import claims
from greenroom.store.db import WorkerSession

log = structlog.get_logger("greenroom.engine")

#: between two checks of the other workers' sessions
CHECK_S = 0.8
#: a worker is dead when its session is missing twice in a row, so far apart: one that lives has another by then
CONFIRM_S = 0.6
#: between two tries to obtain a session that was lost
RETRY_S = 0.2
#: once this worker has obtained a lost session again, it declares no other dead for so long: an outage breaks all
#: sessions, and other workers may still have results to record
RETURN_S = LONGEST_PAUSE_S + 1.0


class Liveness:
    """
    Holds this worker's session and finds the workers that have lost theirs.

    Leases do not depend on it: without a session this worker's leases end by themselves, 45 s after they began.
    """

    def __init__(self, ctx: Context) -> None:
        self.worker = ctx.new_id("wrk")
        self._ctx = ctx
        self._session = ctx.store.worker_session(self.worker)
        self._missing: frozenset[str] = frozenset()
        self._dead: frozenset[str] = frozenset()
        self._warned = False

    @property
    def lease_prefix(self) -> str:
        """Begins the leases that this worker takes now."""
        return self.worker + MARK if self._session is not None and self._session.held else self.worker

    @property
    def lost_at(self) -> float:
        """When the session was last lost, by the monotonic clock: leases from before may be another worker's since."""
        return self._session.lost_at if self._session is not None else -math.inf

    async def begin(self) -> None:
        """Obtain the session, so that the first leases count on it; without the database there is nothing to lease."""
        if self._session is not None:
            await self._check(self._session)

    async def run(self, wake: Callable[[], None]) -> None:
        """Keep the session, and `wake` the engine when other workers have died, until cancelled."""
        if self._session is None:
            return
        next_at = time.monotonic() + self._pause_s()
        while True:
            left = next_at - time.monotonic()
            await asyncio.sleep(min(RETRY_S, max(0.0, left)) if self._session.held else RETRY_S)
            if self._session.held and time.monotonic() < next_at:
                continue
            await self._check(self._session)
            next_at = time.monotonic() + self._pause_s()
            if self._dead:
                wake()

    async def interrupt_dead(self, *, lease: timedelta) -> None:
        """
        Make due what dead workers had in flight.

        Raises:
            Unavailable: the database is away; the next check finds them again.
        """
        if not self._dead:
            return
        dead, self._dead = self._dead, frozenset()
        count = await claims.interrupt(self._ctx, [worker + MARK for worker in sorted(dead)], lease=lease)
        if count:
            log.warning("workers_died", workers=sorted(dead), deliveries=count, note="they are attempted again")

    def close(self) -> None:
        """End the session: other workers need not wait for the leases that are left."""
        if self._session is not None:
            self._session.close()

    def _pause_s(self) -> float:
        return CONFIRM_S if self._missing else CHECK_S

    async def _check(self, session: WorkerSession) -> None:
        try:
            missing = await session.dead_workers()
        except Unavailable as error:
            missing = frozenset()
            if not self._warned:
                log.warning("worker_session_lost", worker=self.worker, error=error.message)
            self._warned = True
        except Exception:  # a defect here must not end the checks
            missing = frozenset()
            log.exception("worker_check_failed_inside")
        else:
            self._warned = False
        returned = session.lost_at > -math.inf and time.monotonic() - session.held_at < RETURN_S
        self._dead = frozenset() if returned else missing & self._missing
        self._missing = missing
