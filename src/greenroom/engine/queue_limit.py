"""Backpressure: the projects that have reached `GREENROOM_QUEUE_LIMIT`, as this process knows them."""

from __future__ import annotations

import asyncio
import time

import structlog

from greenroom.context import Context
from greenroom.engine.outages import log_outage
from greenroom.errors import Unavailable
from greenroom.services import overview

log = structlog.get_logger("greenroom.engine")

#: shortest time in seconds between two refreshes, and its least multiple of the last refresh's duration: a refresh
#: counts waiting deliveries, which takes longer the more there are
PERIOD_S = 5.0
TIMES = 50


class QueueLimit:
    """Projects that have reached `GREENROOM_QUEUE_LIMIT`, refreshed periodically."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._projects: frozenset[str] = frozenset()

    def is_full(self, project_id: str) -> bool:
        """Returns whether a webhook of the project had reached the limit at the last refresh."""
        return project_id in self._projects

    async def run(self) -> None:
        """Refreshes periodically until cancelled; returns at once if no limit is set."""
        limit = self._ctx.settings.queue_limit
        while limit:
            began = time.monotonic()
            try:
                await self.refresh(limit)
            except Unavailable as error:
                log_outage(error)
            except Exception:
                log.exception("queue_limit_read_failed")
            await asyncio.sleep(max(PERIOD_S, TIMES * (time.monotonic() - began)))

    async def refresh(self, limit: int) -> None:
        """
        Refreshes the projects now and logs every change.

        Raises:
            Unavailable: the database is unavailable; the last result stays.
        """
        before, self._projects = self._projects, await overview.queue_full_projects(self._ctx, limit=limit)
        for project_id in sorted(self._projects - before):
            log.error("queue_full", project_id=project_id, limit=limit, note="its orders are refused with 503")
        for project_id in sorted(before - self._projects):
            log.info("queue_has_room", project_id=project_id)
