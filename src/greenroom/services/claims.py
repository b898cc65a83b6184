"""Claims: what a worker may attempt now, its share of everybody's deliveries."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from greenroom.context import Context, transaction
from greenroom.model.attempts import INTERRUPTED
from greenroom.model.claims import Cursor, Waiting, deal
from greenroom.model.deliveries import PER_DESTINATION, SHARES, Claimed, Queue
from greenroom.model.webhooks import Destination
from greenroom.services import signed_webhooks
from greenroom.store import claims as claim_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import rates as rate_rows
from greenroom.store.claims import Candidate, Leased
from greenroom.store.db import Tx, to_ms

#: what an interrupted attempt has on record in place of a result
NO_RESULT = (
    "The worker that made this attempt died, or stood still until its lease expired, before it recorded the result. "
    "Whether the request arrived is unknown. The delivery is attempted again."
)

#: destinations that one look meets in each queue; the next look goes on from there
STEPS = 64


@dataclass(frozen=True)
class ClaimBatch:
    """What a look at the queues gave, and where the next one begins in each queue that was looked at."""

    claimed: list[Claimed]
    turns: Mapping[Queue, Cursor]
    #: destinations of what was claimed that are in trouble: their good answers count
    troubled: frozenset[str] = frozenset()
    #: when a destination that waits for its rate limit may be sent more
    again_s: float = math.inf
    #: the webhooks that what was claimed is for, as far as they still exist and can be read
    destinations: Mapping[str, Destination] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkerState:
    """
    What a worker knows better than the database: its own attempts, by destination. `worker` begins each of its leases,
    and `lease_prefix`, where it is given, the next ones.

    `unrecorded` ones have ended, and their leases last until they are on record. `limits` are concurrency limits of
    single destinations that hold for this worker alone.
    """

    worker: str
    in_flight: Mapping[str, int] = field(default_factory=dict)
    unrecorded: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    lease_prefix: str = ""

    def held(self, destination_id: str, *, troubled: bool) -> int:
        """Its attempts that count; where a destination is in trouble, what came of the last one must be known first."""
        ended = self.unrecorded.get(destination_id, 0) if troubled else 0
        return self.in_flight.get(destination_id, 0) + ended


@transaction(kind="short")
async def claim(
    ctx: Context,
    tx: Tx,
    turns: Mapping[Queue, Cursor],
    free: Mapping[Queue, int],
    own: WorkerState,
    *,
    lease: timedelta,
    longest: timedelta,
) -> ClaimBatch:
    """
    Take due deliveries, each this caller's alone until its lease ends: in turn over the destinations of each queue.

    `free` is how many each queue may still give; together they never give more than the first, "hand", could alone.
    A queue without free places is not looked at. `longest` is what an attempt may take: an older lease is a dead
    worker's and takes no place from its destination. What is due for a disabled webhook is held, unless a person asked
    for it.
    """
    places = free["hand"]
    begins = {queue: turns[queue].after for queue in SHARES if free[queue] > 0}
    if not begins:
        return ClaimBatch([], {})
    await claim_rows.wait_turn(tx)
    lease_ms, longest_ms = _ms(lease), _ms(longest)
    met = await claim_rows.look(
        tx, begins, steps=STEPS, most=PER_DESTINATION, over_ms=lease_ms - longest_ms, but=own.worker
    )
    if any(one.expired for found in met.values() for one in found):
        await _interrupt(ctx, tx, await claim_rows.leased(tx, expired=True), lease_ms)
    met_by_id = {one.destination_id: one for found in met.values() for one in found}
    limited = {id_: (one.bucket, one.now * 1000) for id_, one in met_by_id.items() if one.bucket}
    room = _Limits(
        held={id_: one.held + own.held(id_, troubled=one.breaker is not None) for id_, one in met_by_id.items()},
        cap={id_: one.breaker.places(one.now) for id_, one in met_by_id.items() if one.breaker},
        tokens={id_: bucket.tokens(now) for id_, (bucket, now) in limited.items()},
        limits=own.limits,
    )
    shares: list[tuple[Queue, str, int]] = []
    moved: dict[Queue, Cursor] = {}
    for queue, found in met.items():
        waiting = [room.waiting(queue, one) for one in found]
        given = deal(waiting, min(places, free[queue]))
        for one, count in zip(found, given, strict=True):
            room.leaves(one.destination_id, count)
        shares += [(queue, one.destination_id, count) for one, count in zip(found, given, strict=True) if count]
        places -= sum(given)
        moved[queue] = turns[queue].moved(waiting, given, ended=len(found) < STEPS)
    token = ctx.new_id(own.lease_prefix or own.worker)
    claimed = await claim_rows.take(tx, shares, lease=token, lease_ms=lease_ms)
    spent = {id_: (bucket.taken(room.left[id_], now), now) for id_, (bucket, now) in limited.items()}
    await rate_rows.save(tx, {id_: bucket for id_, (bucket, _) in spent.items() if room.left[id_]})
    waits = {one.destination_id for found in met.values() for one in found if one.due and room.is_spent(one)}
    webhook_ids = sorted({one.destination_id for one in claimed if one.lane == "vendor"})
    webhooks = await signed_webhooks.readable(ctx, tx, webhook_ids)
    # it was disabled after they had been claimed before, or stored: those could not be held then
    disabled = {id_ for id_, (webhook, _) in webhooks.items() if not webhook.enabled}
    held = {one.id for one in claimed if one.destination_id in disabled and one.queue != "hand"}
    await claim_rows.hold(tx, token, sorted(held))
    return ClaimBatch(
        [one for one in claimed if one.id not in held],
        moved,
        frozenset(one.destination_id for one in claimed) & room.cap.keys(),
        min((bucket.wait_s(now) for id_, (bucket, now) in spent.items() if id_ in waits), default=math.inf),
        webhooks,
    )


@dataclass
class _Limits:
    """
    What may leave for each destination: `held` attempts are under way, `cap` is how many may be where it is in trouble,
    `tokens` how many may leave where it has a rate limit, `limits` what this worker may have under way where it has a
    limit of its own. `left` is what has been given.
    """

    held: dict[str, int]
    cap: dict[str, int]
    tokens: dict[str, int]
    limits: Mapping[str, int]
    left: Counter[str] = field(default_factory=Counter)

    def waiting(self, queue: Queue, met: Candidate) -> Waiting:
        """
        What a person asked for goes however the destination does, and beside all that may be under way, as often again;
        but for its rate, and for this worker's own limits.
        """
        id_ = met.destination_id
        cap = 2 * PER_DESTINATION if queue == "hand" else self.cap.get(id_, PER_DESTINATION)
        cap = min(cap, self.limits.get(id_, cap))
        may_leave = min(met.due, self.tokens.get(id_, met.due), max(0, cap - self.held[id_]))
        return Waiting(id_, may_leave, more=met.due > may_leave or met.due == PER_DESTINATION)

    def is_spent(self, met: Candidate) -> bool:
        """Whether its rate lets nothing more leave now."""
        return self.tokens.get(met.destination_id) == 0

    def leaves(self, id_: str, count: int) -> None:
        """So many are given to a destination."""
        self.held[id_] += count
        if id_ in self.tokens and count:
            self.tokens[id_] -= count
            self.left[id_] += count


@transaction(kind="short")
async def release(_: Context, tx: Tx, claimed: Sequence[Claimed], *, error: str | None = None) -> None:
    """Give back deliveries of which no attempt was made; their `last_error` becomes `error`, where one is given."""
    for lease in {one.lease for one in claimed}:
        await claim_rows.release(tx, lease, [one.id for one in claimed if one.lease == lease], error=error)


@transaction
async def interrupt(ctx: Context, tx: Tx, begins: Sequence[str] = ("",), *, lease: timedelta) -> int:
    """
    Make what dead workers had in flight due at once, and put their attempts on record as interrupted; how many.

    `begins` has what the leases of each dead worker begin with. Without it all leases end: for a process that is the
    only worker of its database (SQLite).
    """
    interrupted = [one for prefix in begins for one in await claim_rows.leased(tx, prefix)]
    await _interrupt(ctx, tx, interrupted, _ms(lease))
    return len(interrupted)


async def _interrupt(ctx: Context, tx: Tx, interrupted: Sequence[Leased], lease_ms: int) -> None:
    now = to_ms(ctx.now())
    rows = [
        (
            ctx.new_id("att"), one.project_id, one.id, one.attempt, one.trigger, min(one.until - lease_ms, now), 0,
            None, INTERRUPTED, NO_RESULT, None, "{}", "{}", now, one.worker,
        )
        for one in interrupted
    ]  # fmt: skip
    await claim_rows.interrupt(tx, interrupted)
    await delivery_rows.add_attempts(tx, rows)


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
