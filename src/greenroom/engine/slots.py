"""Concurrency slots of one worker, and the claims that fill them."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from greenroom.context import Context
from greenroom.engine.liveness import Liveness
from greenroom.engine.postponed import Postponed
from greenroom.engine.vendor import DEADLINE_S
from greenroom.errors import LocalFault, Unavailable
from greenroom.model.claims import Cursor
from greenroom.model.deliveries import PER_DESTINATION, SHARES, SLOTS, Claimed, Queue
from greenroom.services import claims
from greenroom.services.claims import ClaimBatch, WorkerState

#: lease of a claimed delivery, longer than any attempt may take. The attempt of a worker that hangs or is cut off is
#: repeated when its lease has expired; that of a dead worker earlier (`Liveness`)
LEASE = timedelta(seconds=45)
LEASE_MS = int(LEASE.total_seconds() * 1000)
#: longest duration of an attempt: its deadline and a margin
LONGEST = timedelta(seconds=DEADLINE_S + 1)

#: in-flight attempts per destination below which this worker dispatches directly. Only a claim counts the attempts of
#: all workers; an eighth of the limit keeps eight workers within it together
DIRECT_LIMIT = PER_DESTINATION // 8


class Slots:
    """
    Concurrency slots of one worker, and the claims that fill them.

    A claimed delivery holds its slot until its attempt has `ended`, or it leaves without one. If its destination has
    a breaker row, an ended attempt counts against the destination's limit until it is `recorded`.
    """

    def __init__(self, ctx: Context, liveness: Liveness | None = None) -> None:
        self._ctx = ctx
        self._liveness = liveness or Liveness(ctx)
        self._held: Counter[Queue] = Counter()
        self._in_flight: Counter[str] = Counter()
        self._unrecorded: Counter[str] = Counter()
        self._own = WorkerState(self._liveness.worker, self._in_flight, self._unrecorded)
        self._postponed = Postponed()
        self._turns: dict[Queue, Cursor] = {queue: Cursor() for queue in SHARES}
        self.troubled: set[str] = set()  #: destinations that had a breaker row when last claimed
        self._again_s = math.inf
        self.idle = False  #: whether the last claim found no delivery in a complete round, or no slot was free
        self.more = False  #: whether the last claim left candidates of its round unvisited
        self.freed = 0  #: slots released since the last claim that a waiting delivery may use
        self._claiming = False
        self._short = False
        self._behind: frozenset[str] = frozenset()
        self._closed = False
        self._all_free = asyncio.Event()
        self._all_free.set()

    @property
    def free(self) -> int:
        """Returns how many slots are free."""
        return SLOTS - self._held.total()

    async def claim(self) -> ClaimBatch:
        """
        Claims due deliveries for the free slots.

        An empty batch does not mean that nothing is due: the round may continue, or no slot may be free.

        Raises:
            Unavailable: the database is unavailable.
        """
        free, self.freed = self._postponed.slots(self.free), 0
        if not free:
            self.idle, self.more = True, False
            return ClaimBatch([], {})
        limits = {queue: min(free, share - self._held[queue]) for queue, share in SHARES.items()}
        own = replace(self._own, lease_prefix=self._liveness.lease_prefix, limits=self._postponed.limits())
        self._claiming = True
        try:
            batch = await claims.claim(self._ctx, self._turns, limits, own, lease=LEASE, longest=LONGEST)
        finally:
            self._claiming = False
        self._turns |= batch.turns
        self._short = any(turn.short for turn in self._turns.values()) or any(limit <= 0 for limit in limits.values())
        self._behind = frozenset[str]().union(*(turn.behind for turn in self._turns.values()))
        for one in batch.claimed:
            self.take(one)
        self._again_s = min(self._again_s, batch.again_s)
        self.troubled -= {one.destination_id for one in batch.claimed}
        self.troubled |= batch.troubled
        self.idle = all(turn.idle for turn in batch.turns.values())
        self.more = any(turn.after for turn in batch.turns.values())
        return batch

    def has_spare_slot(self, claimed: Claimed) -> bool:
        """Returns whether a delivery may `take` a slot without a claim, at no cost to waiting deliveries."""
        if self._closed or self._postponed.is_limited(claimed.destination_id):
            return False
        return self.free > SLOTS // 4 and self._in_flight[claimed.destination_id] < DIRECT_LIMIT

    def is_limited_by_destination(self, destination_id: str) -> bool:
        """Returns whether the destination's own limits hold its due deliveries back until an attempt ends."""
        return not self._claiming and destination_id in self._behind

    def is_wanted(self, destination_id: str) -> bool:
        """Returns whether a delivery may be waiting for the slot of an attempt at this destination."""
        return self._claiming or self._short or destination_id in self._behind

    def close(self) -> None:
        """Stops direct dispatch: no slot counts as spare any more."""
        self._closed = True

    async def all_free(self) -> None:
        """Waits until every slot is free."""
        await self._all_free.wait()

    def take(self, claimed: Claimed) -> None:
        """Occupies a slot for the delivery."""
        self._held[claimed.queue] += 1
        self._in_flight[claimed.destination_id] += 1
        self._all_free.clear()

    def new_lease(self) -> str:
        """Returns a new lease token of this worker."""
        return self._ctx.new_id(self._liveness.lease_prefix)

    def rest_s(self, longest: float) -> float:
        """
        Returns the seconds until a claim may find a delivery, at most `longest`.

        Uses the rate limits seen by the claims since the last call.
        """
        rest, self._again_s = min(longest, self._again_s), math.inf
        return rest

    def leave(self, claimed: Claimed) -> None:
        """Frees the delivery's slot."""
        self._held[claimed.queue] -= 1
        _decrement(self._in_flight, claimed.destination_id)
        self.freed += self.is_wanted(claimed.destination_id)
        if self.free == SLOTS:
            self._all_free.set()

    def ended(self, claimed: Claimed) -> None:
        """Frees the slot of a delivery whose attempt has ended and is to be recorded."""
        self.leave(claimed)
        self._unrecorded[claimed.destination_id] += 1
        self._postponed.attempted(claimed.destination_id)

    def recorded(self, claimed: Claimed) -> None:
        """Stops counting an ended attempt, which is recorded or never will be."""
        _decrement(self._unrecorded, claimed.destination_id)

    async def give_back(self, claimed: Sequence[Claimed]) -> None:
        """Frees the slots of deliveries that were not attempted, and releases their leases."""
        for one in claimed:
            self.leave(one)
        await self.release(claimed)

    async def release(self, claimed: Sequence[Claimed], *, error: str | None = None) -> None:
        """Releases the leases of deliveries that were not attempted; if the database is unavailable, they expire."""
        with suppress(Unavailable):
            await claims.release(self._ctx, claimed, error=error)

    async def postpone(self, claimed: Claimed, fault: LocalFault) -> None:
        """Releases a delivery that a local fault kept from being attempted, and starts a pause."""
        self._postponed.add(claimed.destination_id, fault)
        await self.release([claimed], error=fault.reason)


def _decrement(counter: Counter[str], key: str) -> None:
    """Decrements a counter and removes the key at zero."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
