"""Heartbeats of the delivering processes."""

from __future__ import annotations

from greenroom.context import Context, transaction
from greenroom.services import clock
from greenroom.store import gateway_facts as rows
from greenroom.store.db import Tx

#: largest difference of clocks that is stored, in ms; the column is an integer of 32 bits
MOST_AHEAD_MS = 2_000_000_000


async def beat(ctx: Context, worker: str) -> None:
    """Records that a worker runs, and by how much its clock is ahead of the database's."""
    ahead_ms = round((await clock.skew(ctx)).total_seconds() * 1000)
    await _save(ctx, worker, max(-MOST_AHEAD_MS, min(MOST_AHEAD_MS, ahead_ms)))


@transaction(kind="short")
async def _save(_: Context, tx: Tx, worker: str, ahead_ms: int) -> None:
    await rows.save_heartbeat(tx, worker, ahead_ms)


@transaction(kind="short")
async def end(_: Context, tx: Tx, worker: str) -> None:
    """Records that a worker stops."""
    await rows.delete_heartbeat(tx, worker)
