"""The places of one worker: what holds them, and whose turn it is when one is free."""

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

#: longer than any attempt may take. An attempt whose worker stands still, or is cut off, is repeated when its lease has
#: ended; one whose worker died, earlier (`Liveness`)
LEASE = timedelta(seconds=45)
LEASE_MS = int(LEASE.total_seconds() * 1000)
#: the deadline of an attempt, and a little for what is around it
LONGEST = timedelta(seconds=DEADLINE_S + 1)

#: attempts under way to one destination with which another one may be taken over without a claim, which would count
#: those of all workers. So eight workers together keep to what a destination may have
TAKEN = PER_DESTINATION // 8


class Slots:
    """
    Claims what there is room for. A claimed delivery holds its place until its attempt has `ended`, or it leaves
    without one; where its destination is in trouble, an attempt counts until it is `recorded`.
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
        self.troubled: set[str] = set()  #: destinations seen in trouble
        self._again_s = math.inf
        self.idle = False  #: the last look ended a round in which nothing was to be had
        self.more = False  #: the last look did not come to the end of a round
        self.freed = 0  #: places that were given back since the last look, for which something waits
        self._looking = False
        self._short = False
        self._behind: frozenset[str] = frozenset()
        self._closed = False
        self._all_free = asyncio.Event()
        self._all_free.set()

    @property
    def free(self) -> int:
        """How many are not held."""
        return SLOTS - self._held.total()

    async def claim(self) -> ClaimBatch:
        """
        Take due deliveries for the free places; may be none although some are due further on, unless `idle`.

        Raises:
            Unavailable: the database is away.
        """
        free, self.freed = self._postponed.slots(self.free), 0
        if not free:
            self.idle, self.more = True, False
            return ClaimBatch([], {})
        room = {queue: min(free, share - self._held[queue]) for queue, share in SHARES.items()}
        own = replace(self._own, lease_prefix=self._liveness.lease_prefix, limits=self._postponed.limits())
        self._looking = True
        try:
            look = await claims.claim(self._ctx, self._turns, room, own, lease=LEASE, longest=LONGEST)
        finally:
            self._looking = False
        self._turns |= look.turns
        self._short = any(turn.short for turn in self._turns.values()) or any(places <= 0 for places in room.values())
        self._behind = frozenset[str]().union(*(turn.behind for turn in self._turns.values()))
        for one in look.claimed:
            self.take(one)
        self._again_s = min(self._again_s, look.again_s)
        self.troubled -= {one.destination_id for one in look.claimed}
        self.troubled |= look.troubled
        self.idle = all(turn.idle for turn in look.turns.values())
        self.more = any(turn.after for turn in look.turns.values())
        return look

    def has_spare_slot(self, claimed: Claimed) -> bool:
        """Whether one that is not claimed may `take` a place: nobody has to wait for his because of it."""
        if self._closed or self._postponed.is_limited(claimed.destination_id):
            return False
        return self.free > SLOTS // 4 and self._in_flight[claimed.destination_id] < TAKEN

    def is_limited_by_destination(self, destination_id: str) -> bool:
        """Whether its own limits keep what is due for it: looking again would give nothing before one has ended."""
        return not self._looking and destination_id in self._behind

    def is_wanted(self, destination_id: str) -> bool:
        """Whether something may be waiting for the place of an attempt at this destination."""
        return self._looking or self._short or destination_id in self._behind

    def close(self) -> None:
        """There is room for no more."""
        self._closed = True

    async def all_free(self) -> None:
        """Wait until no place is held."""
        await self._all_free.wait()

    def take(self, claimed: Claimed) -> None:
        """It holds a place from now on."""
        self._held[claimed.queue] += 1
        self._in_flight[claimed.destination_id] += 1
        self._all_free.clear()

    def new_lease(self) -> str:
        """A token for what this worker holds."""
        return self._ctx.new_id(self._liveness.lease_prefix)

    def rest_s(self, longest: float) -> float:
        """How long nothing can be had, as far as the looks since the last rest have seen."""
        rest, self._again_s = min(longest, self._again_s), math.inf
        return rest

    def leave(self, claimed: Claimed) -> None:
        """It gives its place back."""
        self._held[claimed.queue] -= 1
        _take(self._in_flight, claimed.destination_id)
        self.freed += self.is_wanted(claimed.destination_id)
        if self.free == SLOTS:
            self._all_free.set()

    def ended(self, claimed: Claimed) -> None:
        """Its attempt has ended, and will be on record: it gives its place back."""
        self.leave(claimed)
        self._unrecorded[claimed.destination_id] += 1
        self._postponed.attempted(claimed.destination_id)

    def recorded(self, claimed: Claimed) -> None:
        """An attempt that had ended is on record, or will never be."""
        _take(self._unrecorded, claimed.destination_id)

    async def give_back(self, claimed: Sequence[Claimed]) -> None:
        """They leave without an attempt."""
        for one in claimed:
            self.leave(one)
        await self.release(claimed)

    async def release(self, claimed: Sequence[Claimed], *, error: str | None = None) -> None:
        """Let others have deliveries of which no attempt was made; with the database away, when their lease ends."""
        with suppress(Unavailable):
            await claims.release(self._ctx, claimed, error=error)

    async def postpone(self, claimed: Claimed, fault: LocalFault) -> None:
        """Release a delivery that a local fault prevented from being attempted, and pause before the next attempt."""
        self._postponed.add(claimed.destination_id, fault)
        await self.release([claimed], error=fault.reason)


def _take(counter: Counter[str], key: str) -> None:
    """One less; nothing is kept of what has come to nothing."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
