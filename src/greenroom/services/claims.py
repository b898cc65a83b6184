"""Claims: deliveries leased to a worker, shared fairly over destinations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from greenroom.context import Context, transaction
from greenroom.model.attempts import INTERRUPTED
from greenroom.model.claims import Cursor, Waiting, allocate
from greenroom.model.deliveries import PER_DESTINATION, SHARES, Claimed, Queue
from greenroom.model.webhooks import Destination
from greenroom.services import signed_webhooks
from greenroom.store import claims as claim_rows
from greenroom.store import deliveries as delivery_rows
from greenroom.store import rates as rate_rows
from greenroom.store.claims import Candidate, Leased
from greenroom.store.db import Tx, to_ms

#: the error recorded for an interrupted attempt, whose result is unknown
NO_RESULT = (
    "The worker that made this attempt died, or stood still until its lease expired, before it recorded the result. "
    "Whether the request arrived is unknown. The delivery is attempted again."
)

#: candidate destinations per queue in one claim; the next claim continues after them
STEPS = 64


@dataclass(frozen=True)
class ClaimBatch:
    """The claimed deliveries, and the cursor of each queue from which the next claim continues."""

    claimed: list[Claimed]
    turns: Mapping[Queue, Cursor]
    #: destinations of the claimed deliveries that have a breaker row: their successes must be recorded in it
    troubled: frozenset[str] = frozenset()
    #: seconds until a destination at its rate limit may receive more
    again_s: float = math.inf
    #: webhooks of the claimed deliveries, without those deleted or unreadable
    destinations: Mapping[str, Destination] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkerState:
    """
    A worker's own attempts by destination, more recent than the database's state.

    `worker` is the prefix of its leases; `lease_prefix`, if given, that of new ones. `unrecorded` attempts have ended;
    their leases last until they are recorded. `limits` are concurrency limits that hold for this worker alone.
    """

    worker: str
    in_flight: Mapping[str, int] = field(default_factory=dict)
    unrecorded: Mapping[str, int] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    lease_prefix: str = ""

    def held(self, destination_id: str, *, troubled: bool) -> int:
        """
        Returns the attempts that count against a destination's limit.

        Unrecorded attempts count only if the destination is in trouble: the next probe must wait for their outcome.
        """
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
    Leases due deliveries to this worker, round-robin over the destinations of each queue.

    `free` has the free slots of each queue; all queues together get at most those of "hand". A queue without free slots
    is skipped. `longest` is the longest duration of an attempt: an older lease is a dead worker's and occupies no slot
    of its destination. Deliveries for a disabled webhook are held, unless a person asked for them.
    """
    slots = free["hand"]
    begins = {queue: turns[queue].after for queue in SHARES if free[queue] > 0}
    if not begins:
        return ClaimBatch([], {})
    await claim_rows.take_claim_lock(tx)
    lease_ms, longest_ms = _ms(lease), _ms(longest)
    candidates = await claim_rows.find_candidates(
        tx, begins, steps=STEPS, most=PER_DESTINATION, over_ms=lease_ms - longest_ms, but=own.worker
    )
    if any(one.expired for found in candidates.values() for one in found):
        await _interrupt(ctx, tx, await claim_rows.leased(tx, expired=True), lease_ms)
    candidates_by_id = {one.destination_id: one for found in candidates.values() for one in found}
    limited = {id_: (one.bucket, one.now * 1000) for id_, one in candidates_by_id.items() if one.bucket}
    limits = _Limits(
        held={id_: one.held + own.held(id_, troubled=one.breaker is not None) for id_, one in candidates_by_id.items()},
        cap={id_: one.breaker.free_slots(one.now) for id_, one in candidates_by_id.items() if one.breaker},
        tokens={id_: bucket.tokens(now) for id_, (bucket, now) in limited.items()},
        limits=own.limits,
    )
    shares: list[tuple[Queue, str, int]] = []
    moved: dict[Queue, Cursor] = {}
    for queue, found in candidates.items():
        waiting = [limits.waiting(queue, one) for one in found]
        given = allocate(waiting, min(slots, free[queue]))
        for one, count in zip(found, given, strict=True):
            limits.leaves(one.destination_id, count)
        shares += [(queue, one.destination_id, count) for one, count in zip(found, given, strict=True) if count]
        slots -= sum(given)
        moved[queue] = turns[queue].moved(waiting, given, ended=len(found) < STEPS)
    token = ctx.new_id(own.lease_prefix or own.worker)
    claimed = await claim_rows.claim(tx, shares, lease=token, lease_ms=lease_ms)
    spent = {id_: (bucket.taken(limits.left[id_], now), now) for id_, (bucket, now) in limited.items()}
    await rate_rows.save(tx, {id_: bucket for id_, (bucket, _) in spent.items() if limits.left[id_]})
    waits = {one.destination_id for found in candidates.values() for one in found if one.due and limits.is_spent(one)}
    webhook_ids = sorted({one.destination_id for one in claimed if one.lane == "vendor"})
    webhooks = await signed_webhooks.readable(ctx, tx, webhook_ids)
    # a webhook disabled after these deliveries were leased or stored could not hold them then
    disabled = {id_ for id_, one in webhooks.items() if not one.webhook.enabled}
    held = {one.id for one in claimed if one.destination_id in disabled and one.queue != "hand"}
    await claim_rows.hold(tx, token, sorted(held))
    return ClaimBatch(
        [one for one in claimed if one.id not in held],
        moved,
        frozenset(one.destination_id for one in claimed) & limits.cap.keys(),
        min((bucket.wait_s(now) for id_, (bucket, now) in spent.items() if id_ in waits), default=math.inf),
        webhooks,
    )


@dataclass
class _Limits:
    """
    Each destination's limits in one claim.

    `held` counts in-flight attempts, `cap` is the concurrency limit of a destination in trouble, `tokens` is the number
    of deliveries that its rate limit allows, `limits` are this worker's own limits, and `left` counts the deliveries
    allocated.
    """

    held: dict[str, int]
    cap: dict[str, int]
    tokens: dict[str, int]
    limits: Mapping[str, int]
    left: Counter[str] = field(default_factory=Counter)

    def waiting(self, queue: Queue, candidate: Candidate) -> Waiting:
        """
        Returns how many deliveries of a candidate may be claimed.

        Manual deliveries ignore the breaker and may double the concurrency limit, but keep to the rate limit and to
        this worker's own limits.
        """
        id_ = candidate.destination_id
        cap = 2 * PER_DESTINATION if queue == "hand" else self.cap.get(id_, PER_DESTINATION)
        cap = min(cap, self.limits.get(id_, cap))
        may_leave = min(candidate.due, self.tokens.get(id_, candidate.due), max(0, cap - self.held[id_]))
        return Waiting(id_, may_leave, more=candidate.due > may_leave or candidate.due == PER_DESTINATION)

    def is_spent(self, candidate: Candidate) -> bool:
        """Returns whether the destination's rate limit allows no delivery now."""
        return self.tokens.get(candidate.destination_id) == 0

    def leaves(self, id_: str, count: int) -> None:
        """Counts deliveries allocated to a destination."""
        self.held[id_] += count
        if id_ in self.tokens and count:
            self.tokens[id_] -= count
            self.left[id_] += count


@transaction(kind="short")
async def release(_: Context, tx: Tx, claimed: Sequence[Claimed], *, error: str | None = None) -> None:
    """Releases deliveries that were not attempted; sets their `last_error` to `error` if given."""
    for lease in {one.lease for one in claimed}:
        await claim_rows.release(tx, lease, [one.id for one in claimed if one.lease == lease], error=error)


@transaction
async def interrupt(ctx: Context, tx: Tx, begins: Sequence[str] = ("",), *, lease: timedelta) -> int:
    """
    Makes in-flight deliveries of dead workers due and records their attempts as interrupted; returns how many.

    `begins` has the lease prefix of each dead worker. By default every lease ends, which suits the only worker of a
    database (SQLite).
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
