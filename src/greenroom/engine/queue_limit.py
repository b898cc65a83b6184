"""Projects for which so much waits that nothing more is taken, as this process knows them."""

from __future__ import annotations

import asyncio
import time

import structlog

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.services import overview

log = structlog.get_logger("greenroom.engine")

#: between two looks; and how many times what a look took, since it counts what waits
PERIOD_S = 5.0
TIMES = 50


class QueueLimit:
    """Looks again and again, until cancelled, where `GREENROOM_QUEUE_LIMIT` is reached."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._projects: frozenset[str] = frozenset()

    def is_full(self, project_id: str) -> bool:
        """Whether too much waited for a webhook of this project at the last look."""
        return project_id in self._projects

    async def run(self) -> None:
        """Refreshes again and again; returns at once where there is no limit."""
        limit = self._ctx.settings.queue_limit
        while limit:
            began = time.monotonic()
            try:
                await self.refresh(limit)
            except Unavailable as error:
                log.warning("database_away", error=error.message)
            except Exception:
                log.exception("crowds_failed_inside")
            await asyncio.sleep(max(PERIOD_S, TIMES * (time.monotonic() - began)))

    async def refresh(self, limit: int) -> None:
        """
        Refreshes now.

        Raises:
            Unavailable: the database is away; what was known stays.
        """
        before, self._projects = self._projects, await overview.queue_full_projects(self._ctx, limit=limit)
        for project_id in sorted(self._projects - before):
            log.error("queue_full", project_id=project_id, limit=limit, note="its orders are refused with 503")
        for project_id in sorted(before - self._projects):
            log.info("queue_has_room", project_id=project_id)
