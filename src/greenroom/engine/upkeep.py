"""What goes on beside the deliveries, a little at a time."""

from __future__ import annotations

import asyncio

import structlog

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.services import replays

log = structlog.get_logger("greenroom.upkeep")

#: between two batches of a replay
PAUSE_S = 0.5


async def keep_up(ctx: Context) -> None:
    """Advance replays until cancelled."""
    while True:
        try:
            await replays.advance(ctx)
        except Unavailable as error:
            log.warning("database_away", error=error.message)
        await asyncio.sleep(PAUSE_S)
