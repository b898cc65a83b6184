"""Claims: what a worker may attempt now, its share of everybody's deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from greenroom.context import Context, transaction
from greenroom.model.claims import Turn, Waiting, deal
from greenroom.model.deliveries import PER_DESTINATION, SHARES, Claimed, Queue
from greenroom.services import webhooks
from greenroom.services.webhooks import Destination
from greenroom.store import claims as claim_rows
from greenroom.store.claims import Met
from greenroom.store.db import Tx

#: destinations that one look meets in each queue; the next look goes on from there
STEPS = 64


@dataclass(frozen=True)
class Look:
    """What a look at the queues gave, and where the next one begins in each queue that was looked at."""

    claimed: list[Claimed]
    turns: Mapping[Queue, Turn]
    #: destinations of what was claimed that are in trouble: their good answers count
    troubled: frozenset[str] = frozenset()
    #: the webhooks that what was claimed is for, as far as they still exist
    destinations: Mapping[str, Destination] = field(default_factory=dict)


@transaction
async def claim(
    ctx: Context,
    tx: Tx,
    turns: Mapping[Queue, Turn],
    free: Mapping[Queue, int],
    *,
    lease: timedelta,
    longest: timedelta,
) -> Look:
    """
    Take due deliveries, each this caller's alone until its lease ends: in turn over the destinations of each queue.

    `free` is how many each queue may still give; together they never give more than the first, "hand", could alone.
    A queue without free places is not looked at. `longest` is what an attempt may take: an older lease is a dead
    worker's and takes no place from its destination.
    """
    places = free["hand"]
    begins = {queue: turns[queue].after for queue in SHARES if free[queue] > 0}
    if not begins:
        return Look([], {})
    await claim_rows.wait_turn(tx)
    lease_ms, longest_ms = (int(span.total_seconds() * 1000) for span in (lease, longest))
    met = await claim_rows.look(tx, begins, steps=STEPS, most=PER_DESTINATION, over_ms=lease_ms - longest_ms)
    held = {one.destination_id: one.held for found in met.values() for one in found}
    shares: list[tuple[Queue, str, int]] = []
    moved: dict[Queue, Turn] = {}
    for queue, found in met.items():
        waiting = [Waiting(one.destination_id, _may_leave(queue, one, held[one.destination_id])) for one in found]
        given = deal(waiting, min(places, free[queue]))
        for one, count in zip(found, given, strict=True):
            held[one.destination_id] += count
        shares += [(queue, one.destination_id, count) for one, count in zip(found, given, strict=True) if count]
        places -= sum(given)
        moved[queue] = turns[queue].moved(waiting, given, ended=len(found) < STEPS)
    claimed = await claim_rows.take(tx, shares, lease=ctx.new_id("lse"), lease_ms=lease_ms)
    troubled = {one.destination_id for found in met.values() for one in found if one.breaker}
    webhook_ids = sorted({one.destination_id for one in claimed if one.lane == "vendor"})
    return Look(
        claimed,
        moved,
        frozenset(one.destination_id for one in claimed if one.destination_id in troubled),
        await webhooks.read_destinations(ctx, tx, webhook_ids) if webhook_ids else {},
    )


def _may_leave(queue: Queue, met: Met, held: int) -> int:
    """What a person asked for goes at once, whatever is under way and however the destination does."""
    if queue == "hand":
        return met.due
    most = met.breaker.places(met.now) if met.breaker else PER_DESTINATION
    return min(met.due, max(0, most - held))


@transaction
async def release(_: Context, tx: Tx, claimed: Sequence[Claimed]) -> None:
    """Give back deliveries of which no attempt was made."""
    for lease in {one.lease for one in claimed}:
        await claim_rows.release(tx, lease, [one.id for one in claimed if one.lease == lease])


@transaction
async def recover(_: Context, tx: Tx) -> int:
    """
    Make what a killed process left under way due at once; how many deliveries.

    Only where this process is the one worker there is (SQLite): elsewhere a lease may be a living worker's, and ends by
    itself.
    """
    return await claim_rows.void(tx)
