"""What goes on beside the deliveries, a little at a time: replays, what others left half done, and what is too old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from greenroom.context import Context
from greenroom.errors import Unavailable
from greenroom.services import deliveries, replays, retention, webhooks

log = structlog.get_logger("greenroom.upkeep")

#: between two batches; between two looks at a replay that goes on
PAUSE_S = 0.5
SOON_S = 0.02
#: between two searches for more, once there is nothing
SWEEP_S = 600.0


async def run_maintenance(ctx: Context) -> None:
    """
    Advance replays, finish enabling and disabling webhooks, give up what has waited for too long, delete what is old,
    until cancelled.
    """
    await asyncio.gather(_replay(ctx), _switch_over(ctx), _give_up(ctx), _sweep(ctx), _delete_reports(ctx))


async def _replay(ctx: Context) -> None:
    pause = PAUSE_S

    async def advance() -> float:
        nonlocal pause
        pause = SOON_S if await replays.advance(ctx) else min(2 * pause, PAUSE_S)
        return pause

    await _forever("replay", advance)


async def _switch_over(ctx: Context) -> None:
    async def switch_over() -> float:
        await webhooks.switch_over(ctx)
        return SWEEP_S

    await _forever("switch_over", switch_over)


async def _give_up(ctx: Context) -> None:
    async def give_up() -> float:
        return PAUSE_S if await deliveries.dead_letter_overdue(ctx) else SWEEP_S

    await _forever("give_up", give_up)


async def _sweep(ctx: Context) -> None:
    after: str | None = ""

    async def sweep() -> float:
        nonlocal after
        after, deleted = await retention.sweep(ctx, after=after or "")
        return PAUSE_S if deleted or after else SWEEP_S

    await _forever("retention", sweep)


async def _delete_reports(ctx: Context) -> None:
    async def delete_reports() -> float:
        return PAUSE_S if await retention.delete_old_reports(ctx) else SWEEP_S

    await _forever("report_retention", delete_reports)


async def _forever(what: str, batch: Callable[[], Awaitable[float]]) -> None:
    """Do one batch after the other; each says how long to wait before the next."""
    while True:
        pause_s = PAUSE_S
        try:
            pause_s = await batch()
        except Unavailable as error:
            log.warning("database_away", error=error.message)
        except Exception:  # one batch's fault must not end those that come after it
            log.exception(f"{what}_failed_inside")
        await asyncio.sleep(pause_s)
