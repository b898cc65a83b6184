"""
Background maintenance in small batches.

Replays, interrupted webhook changes, overdue deliveries, tokens of ATSs and retention.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import structlog

from greenroom import connectors
from greenroom.context import Context
from greenroom.engine.outages import log_outage
from greenroom.errors import Unavailable
from greenroom.outbound import Outbound
from greenroom.services import (
    ats_changes,
    audit,
    deliveries,
    enrichments,
    funnel,
    heartbeats,
    project_deletion,
    replays,
    retention,
    webhooks,
)

log = structlog.get_logger("greenroom.maintenance")

#: seconds between two batches, and between two batches of a running replay
PAUSE_S = 0.5
SOON_S = 0.02
#: seconds until the next search after one that found nothing
SWEEP_S = 600.0
#: seconds until the next search for delivered events of minimal orders
DELIVERED_S = 10.0
#: seconds between two heartbeats
BEAT_S = 10.0


#: jobs of other layers by name: each call does a bounded piece of work and returns the seconds until the next
Jobs = Mapping[str, Callable[[Context], Awaitable[float]]]


async def run_maintenance(ctx: Context, out: Outbound, worker: str, jobs: Jobs | None = None) -> None:
    """
    Runs every maintenance job of a worker, and those of other layers, until cancelled.

    The jobs advance replays, complete interrupted webhook changes, dead-letter overdue deliveries, refresh tokens of
    ATSs, delete data that is past its retention or of a deleted project, erase orders' content that is past its
    retention, and count the orders of finished days. Heartbeats tell the doctor that this worker runs.
    """
    await asyncio.gather(
        _beat(ctx, worker),
        _replay(ctx),
        _switch_over(ctx),
        _sweep("give_up", lambda: deliveries.dead_letter_overdue(ctx)),
        _sweep("token_refresh", lambda: connectors.refresh_tokens(ctx, out)),
        _walk("retention", lambda after: retention.delete_expired(ctx, after=after)),
        _sweep("report_retention", lambda: retention.delete_old_reports(ctx)),
        _sweep("order_retention", lambda: retention.erase_old_orders(ctx)),
        _walk("minimal_retention", lambda after: retention.erase_delivered(ctx, after=after), rest_s=DELIVERED_S),
        _walk("resume_retention", lambda after: retention.delete_old_resumes(ctx, after=after)),
        _sweep("ats_event_retention", lambda: ats_changes.delete_old(ctx)),
        _sweep("audit_retention", lambda: audit.delete_old(ctx)),
        _sweep("order_days", lambda: funnel.count_next_day(ctx)),
        _delete_projects(ctx),
        _sweep("enrichment_cache", lambda: enrichments.delete_old_cache(ctx)),
        *(_forever(name, partial(job, ctx)) for name, job in (jobs or {}).items()),
    )


async def _beat(ctx: Context, worker: str) -> None:
    async def beat() -> float:
        await heartbeats.beat(ctx, worker)
        return BEAT_S

    await _forever("heartbeat", beat)


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


async def _delete_projects(ctx: Context) -> None:
    after: str | None = ""

    async def delete_projects() -> float:
        nonlocal after
        after = await project_deletion.delete_next(ctx, after=after or "")
        return SWEEP_S if after is None else SOON_S

    await _forever("project_deletion", delete_projects)


async def _sweep(job: str, batch: Callable[[], Awaitable[object]]) -> None:
    """Runs a batch again soon while it returns that it changed something."""

    async def sweep() -> float:
        return PAUSE_S if await batch() else SWEEP_S

    await _forever(job, sweep)


async def _walk(
    job: str, batch: Callable[[str], Awaitable[tuple[str | None, object]]], *, rest_s: float = SWEEP_S
) -> None:
    """Runs a batch after the last id of the one before, and soon while more is left or was changed."""
    after: str | None = ""

    async def walk() -> float:
        nonlocal after
        after, changed = await batch(after or "")
        return PAUSE_S if changed or after else rest_s

    await _forever(job, walk)


async def _forever(job: str, batch: Callable[[], Awaitable[float]]) -> None:
    """Runs one batch after the other; each batch returns the seconds until the next."""
    while True:
        pause_s = PAUSE_S
        try:
            pause_s = await batch()
        except Unavailable as error:
            log_outage(error)
        except Exception:  # a failed batch must not end the job
            log.exception(f"{job}_failed_inside")
        await asyncio.sleep(pause_s)
