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
from greenroom.errors import Unavailable
from greenroom.outbound import Outbound
from greenroom.services import (
    ats_changes,
    audit,
    deliveries,
    enrichments,
    heartbeats,
    project_deletion,
    replays,
    retention,
    statistics,
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
        _dead_letter(ctx),
        _refresh_tokens(ctx, out),
        _delete_expired(ctx),
        _delete_reports(ctx),
        _erase_orders(ctx),
        _erase_delivered(ctx),
        _delete_resumes(ctx),
        _delete_ats_events(ctx),
        _delete_audit(ctx),
        _count_days(ctx),
        _delete_projects(ctx),
        _delete_cache(ctx),
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


async def _dead_letter(ctx: Context) -> None:
    async def dead_letter() -> float:
        return PAUSE_S if await deliveries.dead_letter_overdue(ctx) else SWEEP_S

    await _forever("give_up", dead_letter)


async def _refresh_tokens(ctx: Context, out: Outbound) -> None:
    async def refresh_tokens() -> float:
        return PAUSE_S if await connectors.refresh_tokens(ctx, out) else SWEEP_S

    await _forever("token_refresh", refresh_tokens)


async def _delete_expired(ctx: Context) -> None:
    after: str | None = ""

    async def sweep() -> float:
        nonlocal after
        after, deleted = await retention.delete_expired(ctx, after=after or "")
        return PAUSE_S if deleted or after else SWEEP_S

    await _forever("retention", sweep)


async def _delete_reports(ctx: Context) -> None:
    async def delete_reports() -> float:
        return PAUSE_S if await retention.delete_old_reports(ctx) else SWEEP_S

    await _forever("report_retention", delete_reports)


async def _erase_orders(ctx: Context) -> None:
    async def erase_orders() -> float:
        return PAUSE_S if await retention.erase_old_orders(ctx) else SWEEP_S

    await _forever("order_retention", erase_orders)


async def _erase_delivered(ctx: Context) -> None:
    after: str | None = ""

    async def erase_delivered() -> float:
        nonlocal after
        after, erased = await retention.erase_delivered(ctx, after=after or "")
        return PAUSE_S if erased or after else DELIVERED_S

    await _forever("minimal_retention", erase_delivered)


async def _delete_resumes(ctx: Context) -> None:
    after: str | None = ""

    async def delete_resumes() -> float:
        nonlocal after
        after, deleted = await retention.delete_old_resumes(ctx, after=after or "")
        return PAUSE_S if deleted or after else SWEEP_S

    await _forever("resume_retention", delete_resumes)


async def _delete_ats_events(ctx: Context) -> None:
    async def delete_ats_events() -> float:
        return PAUSE_S if await ats_changes.delete_old(ctx) else SWEEP_S

    await _forever("ats_event_retention", delete_ats_events)


async def _delete_audit(ctx: Context) -> None:
    async def delete_audit() -> float:
        return PAUSE_S if await audit.delete_old(ctx) else SWEEP_S

    await _forever("audit_retention", delete_audit)


async def _count_days(ctx: Context) -> None:
    async def count_day() -> float:
        return PAUSE_S if await statistics.count_next_day(ctx) else SWEEP_S

    await _forever("order_days", count_day)


async def _delete_projects(ctx: Context) -> None:
    after: str | None = ""

    async def delete_projects() -> float:
        nonlocal after
        after = await project_deletion.delete_next(ctx, after=after or "")
        return SWEEP_S if after is None else SOON_S

    await _forever("project_deletion", delete_projects)


async def _delete_cache(ctx: Context) -> None:
    async def delete_cache() -> float:
        return PAUSE_S if await enrichments.delete_old_cache(ctx) else SWEEP_S

    await _forever("enrichment_cache", delete_cache)


async def _forever(job: str, batch: Callable[[], Awaitable[float]]) -> None:
    """Runs one batch after the other; each batch returns the seconds until the next."""
    while True:
        pause_s = PAUSE_S
        try:
            pause_s = await batch()
        except Unavailable as error:
            log.warning("database_away", error=error.message)
        except Exception:  # a failed batch must not end the job
            log.exception(f"{job}_failed_inside")
        await asyncio.sleep(pause_s)
