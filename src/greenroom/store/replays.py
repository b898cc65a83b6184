"""Queries on replays: jobs that send events to a webhook again, or for the first time."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from greenroom.model.replays import Part, Replay
from greenroom.model.webhooks import Webhook
from greenroom.store import missing, webhooks
from greenroom.store.db import Row, Tx, from_ms, marks, to_json


async def count(tx: Tx, webhook: Webhook, parts: Sequence[Part], *, since: int, until: int) -> int:
    """
    Counts the deliveries that a replay of these parts would send.

    Counts deliveries of the webhook in these states, created from `since` on and before `until`, except erased ones;
    for the part `missing`, events without a delivery to the webhook.
    """
    states = [part for part in parts if part != "missing"]
    counted = await _count(tx, webhook.id, states, since=since, until=until) if states else 0
    if "missing" in parts:
        counted += await missing.count(tx, webhook, since=since, until=until)
    return counted


async def _count(tx: Tx, webhook_id: str, states: Sequence[str], *, since: int, until: int) -> int:
    row = await tx.one(
        f"SELECT count(*) AS n FROM deliveries WHERE destination_id = $1 AND state IN ({marks(states, 4)}) "  # noqa: S608
        "AND created_at >= $2 AND created_at < $3 AND expunged_at IS NULL",
        webhook_id,
        since,
        until,
        *states,
    )
    return int(row["n"]) if row else 0


async def add(
    tx: Tx,
    replay_id: str,
    project_id: str,
    webhook_id: str,
    parts: Sequence[Part],
    *,
    since: int,
    until: int,
    total: int,
) -> None:
    """Adds a new job."""
    await tx.run(
        "INSERT INTO replays (id, project_id, webhook_id, states, since_at, until_at, state, total, done, after, "
        "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, 'running', $7, 0, '', now_ms(), now_ms())",
        replay_id,
        project_id,
        webhook_id,
        to_json(list(parts)),
        since,
        until,
        total,
    )


async def find(tx: Tx, project_id: str, webhook_id: str, replay_id: str) -> Replay | None:
    """Returns a job of a project's webhook."""
    row = await tx.one(
        "SELECT * FROM replays WHERE id = $1 AND webhook_id = $2 AND project_id = $3", replay_id, webhook_id, project_id
    )
    return _replay(row) if row else None


async def list_replays(
    tx: Tx, project_id: str, *, webhook_id: str | None, before: str | None, limit: int
) -> list[tuple[Replay, str]]:
    """Lists a project's jobs, newest first, each with the name of its webhook."""
    rows = await tx.all(
        "SELECT replays.*, webhooks.name FROM replays JOIN webhooks ON webhooks.id = replays.webhook_id "
        "WHERE replays.project_id = $1 AND ($2 = '' OR replays.webhook_id = $2) AND ($3 = '' OR replays.id < $3) "
        "ORDER BY replays.id DESC LIMIT $4",
        project_id,
        webhook_id or "",
        before or "",
        limit,
    )
    return [(_replay(row), row["name"]) for row in rows]


async def find_webhook_id(tx: Tx, project_id: str, replay_id: str) -> str | None:
    """Returns the webhook of a project's job."""
    row = await tx.one("SELECT webhook_id FROM replays WHERE id = $1 AND project_id = $2", replay_id, project_id)
    return row["webhook_id"] if row else None


async def cancel(tx: Tx, replay_id: str) -> None:
    """Cancels a running job."""
    await tx.run(
        "UPDATE replays SET state = 'cancelled', updated_at = now_ms() WHERE id = $1 AND state = 'running'", replay_id
    )


async def list_running(tx: Tx) -> list[str]:
    """Lists the running jobs whose webhook is enabled."""
    rows = await tx.all(
        "SELECT replays.id FROM replays JOIN webhooks ON webhooks.id = replays.webhook_id "
        "WHERE replays.state = 'running' AND webhooks.enabled = 1 ORDER BY replays.id"
    )
    return [row["id"] for row in rows]


async def advance(tx: Tx, replay_id: str, *, most: int, new_id: Callable[[str], str]) -> int:
    """
    Queues the next deliveries of a job, until `most` replayed deliveries of its webhook are pending.

    Returns the number of queued deliveries; for the part `missing`, the number of examined events. The job's row is
    locked and stores the job's progress, so that a job queues no delivery twice.
    """
    job = await tx.one(
        "UPDATE replays SET updated_at = now_ms() WHERE id = $1 AND state = 'running' RETURNING *", replay_id
    )
    if job is None:
        return 0
    room = most - await _count_pending(tx, job["webhook_id"], most)
    if not room:
        return 0
    states = json.loads(job["states"])
    if states[0] == "missing":
        return await _add_missing(tx, job, room, new_id)
    ids = await _next(tx, job, states[0], room)
    # waits for rows that another transaction has locked: it may leave them in the same state
    queued = await tx.run_rows(
        "UPDATE deliveries SET state = 'pending', queue = 'replay', trigger = 'replay', attempts_before = attempts, "
        "replay_id = given.replay_id, due_at = now_ms(), updated_at = now_ms() "
        "FROM {given} WHERE deliveries.id = given.id AND deliveries.state = given.state AND expunged_at IS NULL "
        "RETURNING deliveries.id",
        {"id": "TEXT", "state": "TEXT", "replay_id": "TEXT"},
        [(delivery_id, states[0], replay_id) for delivery_id in ids],
    )
    left = states if len(ids) == room else states[1:]
    await tx.run(
        "UPDATE replays SET done = done + $2, after = $3, states = $4, state = $5 WHERE id = $1",
        replay_id,
        len(queued),
        ids[-1] if len(ids) == room else "",
        to_json(left),
        "running" if left else "done",
    )
    return len(queued)


async def _add_missing(tx: Tx, job: Row, room: int, new_id: Callable[[str], str]) -> int:
    # the lock keeps another job of the same webhook from adding a delivery of the same event
    webhook = await webhooks.find(tx, job["project_id"], job["webhook_id"], lock="{for_update}")
    if webhook is None:
        return 0
    batch = await missing.find(
        tx, webhook, after=job["after"], since=job["since_at"], until=job["until_at"], limit=room
    )
    queued = await missing.add_deliveries(tx, webhook, batch.found, replay_id=job["id"], new_id=new_id)
    await tx.run(
        "UPDATE replays SET done = done + $2, after = $3, state = $4 WHERE id = $1",
        job["id"],
        queued,
        batch.last or "",
        "running" if batch.last else "done",
    )
    return batch.looked_at


async def _count_pending(tx: Tx, webhook_id: str, most: int) -> int:
    # `due_at >= 0` always holds; it makes the index that begins with the queue the best one
    row = await tx.one(
        "SELECT count(*) AS n FROM (SELECT 1 FROM deliveries WHERE state = 'pending' AND queue = 'replay' "
        "AND destination_id = $1 AND due_at >= 0 LIMIT $2) AS counted",
        webhook_id,
        most,
    )
    return int(row["n"]) if row else 0


async def _next(tx: Tx, job: Row, state: str, limit: int) -> list[str]:
    # excludes deliveries that this job has sent and that are in one of its states again
    rows = await tx.all(
        "SELECT id FROM deliveries WHERE destination_id = $1 AND state = $2 AND id > $3 AND created_at >= $4 "
        "AND created_at < $5 AND (replay_id IS NULL OR replay_id <> $6) AND expunged_at IS NULL ORDER BY id LIMIT $7",
        job["webhook_id"],
        state,
        job["after"],
        job["since_at"],
        job["until_at"],
        job["id"],
        limit,
    )
    return [row["id"] for row in rows]


def _replay(row: Row) -> Replay:
    return Replay(
        id=row["id"],
        webhook_id=row["webhook_id"],
        state=row["state"],
        total=row["total"],
        done=row["done"],
        created_at=from_ms(row["created_at"]),
    )
