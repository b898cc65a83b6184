"""
Worker liveness by database sessions.

A dead worker's in-flight deliveries are attempted again at once.
"""

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

#: seconds between two checks of the other workers' sessions
CHECK_S = 0.8
#: seconds between the two checks that must both miss a session before its worker counts as dead; a live worker obtains
#: a new session in less
CONFIRM_S = 0.6
#: seconds between two tries to obtain a lost session again
RETRY_S = 0.2
#: seconds for which this worker declares no other worker dead after it has obtained a lost session again: an outage
#: breaks all sessions, and other workers may still have results to record
RETURN_S = LONGEST_PAUSE_S + 1.0


class Liveness:
    """
    Holds this worker's database session and finds workers that have lost theirs.

    Leases do not depend on the session: without one they expire 45 s after they began.
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
        """Returns the prefix of new lease tokens; it has `MARK` while the session is held."""
        return self.worker + MARK if self._session is not None and self._session.held else self.worker

    @property
    def lost_at(self) -> float:
        """
        Returns when the session was last lost, in monotonic seconds.

        Leases from before that time may have passed to other workers.
        """
        return self._session.lost_at if self._session is not None else -math.inf

    async def begin(self) -> None:
        """Obtains the session before the first claim; an unavailable database is only logged."""
        if self._session is not None:
            await self._check(self._session)

    async def run(self, wake: Callable[[], None]) -> None:
        """Keeps the session until cancelled, and calls `wake` when other workers have died."""
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
        Makes the in-flight deliveries of dead workers due.

        Raises:
            Unavailable: the database is unavailable; the next check finds the same workers.
        """
        if not self._dead:
            return
        dead, self._dead = self._dead, frozenset()
        count = await claims.interrupt(self._ctx, [worker + MARK for worker in sorted(dead)], lease=lease)
        if count:
            log.warning("workers_died", workers=sorted(dead), deliveries=count, note="they are attempted again")

    def close(self) -> None:
        """Ends the session, so that other workers need not wait for this worker's leases to expire."""
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
        except Exception:  # a defect in one check must not end the loop
            missing = frozenset()
            log.exception("worker_check_failed_inside")
        else:
            self._warned = False
        returned = session.lost_at > -math.inf and time.monotonic() - session.held_at < RETURN_S
        self._dead = frozenset() if returned else missing & self._missing
        self._missing = missing
