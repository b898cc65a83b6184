"""What goes on beside the deliveries, a little at a time: replays, and deleting what is old."""

from __future__ import annotations

import asyncio

import structlog

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.services import replays, retention

log = structlog.get_logger("greenroom.upkeep")

#: between two batches
PAUSE_S = 0.5
#: between two searches for what is old, once there is nothing more
SWEEP_S = 600.0


async def keep_up(ctx: Context) -> None:
    """Advance replays and delete what is old, until cancelled."""
    await asyncio.gather(_replay(ctx), _sweep(ctx))


async def _replay(ctx: Context) -> None:
    while True:
        try:
            await replays.advance(ctx)
        except Unavailable as error:
            log.warning("database_away", error=error.message)
        except Exception:  # one job's fault must not end those that come after it
            log.exception("replay_failed_inside")
        await asyncio.sleep(PAUSE_S)


async def _sweep(ctx: Context) -> None:
    after: str | None = ""
    while True:
        deleted = 0
        try:
            after, deleted = await retention.sweep(ctx, after=after or "")
        except Unavailable as error:
            log.warning("database_away", error=error.message)
        except Exception:
            log.exception("retention_failed_inside")
        await asyncio.sleep(PAUSE_S if deleted or after else SWEEP_S)
