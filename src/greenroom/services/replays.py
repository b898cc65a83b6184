"""Replays: events sent to a webhook again, or for the first time, as a job that survives a restart."""

from __future__ import annotations

from datetime import datetime

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import Conflict, NotFound
from greenroom.model.replays import Replay, Status, parts_of
from greenroom.model.webhooks import Webhook
from greenroom.store import replays as replay_rows
from greenroom.store import webhooks as webhook_rows
from greenroom.store.db import Tx, to_ms

#: deliveries of one webhook that are replayed at a time: a cancelled job sends no more than these
AT_A_TIME = 100


async def start(
    ctx: Context, project_id: str, webhook_id: str, *, since: datetime, until: datetime | None, status: Status
) -> Replay:
    """
    Make a job that sends a webhook the events of a status that were accepted from `since` on, before `until` (now).

    Raises:
        NotFound: the webhook is not the project's.
        Conflict: it is disabled.
    """
    window = to_ms(since), to_ms(until or ctx.now())
    total = await _count(ctx, project_id, webhook_id, status, window)  # it may take a while, and holds nobody up
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
    A job and its progress.

    Raises:
        NotFound: there is none, or it is another project's.
    """
    return await _read(tx, project_id, webhook_id, replay_id)


@transaction
async def cancel(_: Context, tx: Tx, project_id: str, webhook_id: str, replay_id: str) -> Replay:
    """
    End a job; what it has put on its way already is still sent. One that has ended stays as it is.

    Raises:
        NotFound: there is none, or it is another project's.
    """
    await _read(tx, project_id, webhook_id, replay_id)
    await replay_rows.cancel(tx, replay_id)
    return await _read(tx, project_id, webhook_id, replay_id)


async def advance(ctx: Context) -> int:
    """
    Let every running job go on as far as it may now, each in a transaction of its own; how many deliveries were queued,
    or events looked at: 0 when there is nothing to do before some have arrived.
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
