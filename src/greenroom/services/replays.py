"""Replays: background jobs that send events to a webhook again, or for the first time."""

from __future__ import annotations

from datetime import datetime

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.replays import Replay, Status, parts_of
from greenroom.model.webhooks import Webhook
from greenroom.services import audit
from greenroom.store import replays as replay_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx, to_ms

#: replayed deliveries of one webhook that are pending at a time; a cancelled job still sends these
AT_A_TIME = 100


async def start(
    ctx: Context, project_id: str, webhook_id: str, *, since: datetime, until: datetime | None, status: Status
) -> Replay:
    """
    Creates a job that sends a webhook the events of a status, accepted from `since` until before `until`.

    `until` is now by default.

    Raises:
        NotFound: the webhook is not the project's.
        Conflict: the webhook is disabled.
    """
    window = to_ms(since), to_ms(until or ctx.now())
    total = await _count(
        ctx, project_id, webhook_id, status, window
    )  # a snapshot of its own: counting is slow and must hold no locks
    return await _add(ctx, project_id, webhook_id, status, window, total=total)


@snapshot
async def _count(_: Context, tx: Tx, project_id: str, webhook_id: str, status: Status, window: tuple[int, int]) -> int:
    webhook = await _enabled(tx, project_id, webhook_id)
    return await replay_rows.count(tx, webhook, parts_of(status), since=window[0], until=window[1])


@transaction(queues=True)
async def _add(
    ctx: Context, tx: Tx, project_id: str, webhook_id: str, status: Status, window: tuple[int, int], *, total: int
) -> Replay:
    await _enabled(tx, project_id, webhook_id)
    replay_id, (since, until) = ctx.new_id("rpl"), window
    parts = parts_of(status)
    await replay_rows.add(tx, replay_id, project_id, webhook_id, parts, since=since, until=until, total=total)
    detail = {"webhook_id": webhook_id, "status": status}
    await audit.record(ctx, tx, "replay.started", replay_id, project_id=project_id, detail=detail)
    return await _read(tx, project_id, webhook_id, replay_id)


async def _enabled(tx: Tx, project_id: str, webhook_id: str) -> Webhook:
    webhook = await webhook_rows.find(tx, project_id, webhook_id)
    if webhook is None:
        raise NotFound(f"No webhook {webhook_id} in this project.")
    if not webhook.enabled:
        raise Conflict("The webhook is disabled. Enable it first.", code="WebhookDisabled")
    return webhook


@snapshot
async def get(_: Context, tx: Tx, project_id: str, webhook_id: str, replay_id: str) -> Replay:
    """
    Returns a job and its progress.

    Raises:
        NotFound: the job does not exist or is another project's.
    """
    return await _read(tx, project_id, webhook_id, replay_id)


@snapshot
async def list_page(
    _: Context, tx: Tx, project_id: str, *, webhook_id: str | None = None, before: str | None = None, limit: int
) -> list[tuple[Replay, str]]:
    """Lists a project's jobs, newest first, each with the name of its webhook."""
    return await replay_rows.list_replays(tx, project_id, webhook_id=webhook_id, before=before, limit=limit)


@snapshot
async def find(_: Context, tx: Tx, project_id: str, replay_id: str) -> tuple[Replay, Webhook]:
    """
    Returns a project's job and its webhook.

    Raises:
        NotFound: the job does not exist or is another project's.
    """
    webhook_id = await replay_rows.find_webhook_id(tx, project_id, replay_id)
    webhook = await webhook_rows.find(tx, project_id, webhook_id) if webhook_id else None
    if webhook is None:
        raise NotFound(f"No replay {replay_id[:80]} in this project.")
    return await _read(tx, project_id, webhook.id, replay_id), webhook


@transaction
async def cancel(ctx: Context, tx: Tx, project_id: str, webhook_id: str, replay_id: str) -> Replay:
    """
    Cancels a running job; deliveries that it has queued are still sent.

    Raises:
        NotFound: the job does not exist or is another project's.
    """
    await _read(tx, project_id, webhook_id, replay_id)
    await replay_rows.cancel(tx, replay_id)
    detail = {"webhook_id": webhook_id}
    await audit.record(ctx, tx, "replay.cancelled", replay_id, project_id=project_id, detail=detail)
    return await _read(tx, project_id, webhook_id, replay_id)


async def advance(ctx: Context) -> int:
    """
    Advances every running job as far as possible now, each in a transaction of its own.

    Returns how many deliveries were queued or events examined; 0 if nothing can be done until earlier ones are
    delivered.
    """
    jobs = await ctx.store.read(replay_rows.list_running)
    return sum([await _advance(ctx, job) for job in jobs])


@transaction(queues=True)
async def _advance(ctx: Context, tx: Tx, replay_id: str) -> int:
    return await replay_rows.advance(tx, replay_id, most=AT_A_TIME, new_id=ctx.new_id)


async def _read(tx: Tx, project_id: str, webhook_id: str, replay_id: str) -> Replay:
    replay = await replay_rows.find(tx, project_id, webhook_id, replay_id)
    if replay is None:
        raise NotFound(f"No replay {replay_id} of this webhook.")
    return replay
