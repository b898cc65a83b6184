"""The places of one worker: what holds them, and whose turn it is when one is free."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from greenroom.context import Context
from greenroom.engine.vendor import DEADLINE_S
from greenroom.errors import Unavailable
from greenroom.model.claims import Turn
from greenroom.model.deliveries import SHARES, SLOTS, Claimed, Queue
from greenroom.services import claims
from greenroom.services.claims import Look

#: an attempt cut by a crash is repeated when its lease has ended; longer than any attempt may take
LEASE = timedelta(seconds=45)
#: the deadline of an attempt, and a little for what is around it
LONGEST = timedelta(seconds=DEADLINE_S + 1)


class Places:
    """Claims what there is room for; a claimed delivery holds its place until `leave`."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._held: Counter[Queue] = Counter()
        self._turns: dict[Queue, Turn] = {queue: Turn() for queue in SHARES}
        self.troubled: set[str] = set()  #: destinations seen in trouble
        self._again_s = math.inf
        self.idle = False  #: the last look ended a round in which nothing was to be had
        self.more = False  #: the last look did not come to the end of a round

    @property
    def free(self) -> int:
        """How many are not held."""
        return SLOTS - self._held.total()

    async def claim(self) -> Look:
        """
        Take due deliveries for the free places; may be none although some are due further on, unless `idle`.

        Raises:
            Unavailable: the database is away.
        """
        free = self.free
        room = {queue: min(free, share - self._held[queue]) for queue, share in SHARES.items()}
        look = await claims.claim(self._ctx, self._turns, room, lease=LEASE, longest=LONGEST)
        self._turns |= look.turns
        self._held.update(one.queue for one in look.claimed)
        self._again_s = min(self._again_s, look.again_s)
        self.troubled -= {one.destination_id for one in look.claimed}
        self.troubled |= look.troubled
        self.idle = all(turn.idle for turn in look.turns.values())
        self.more = any(turn.after for turn in look.turns.values())
        return look

    def rest_s(self, longest: float) -> float:
        """How long nothing can be had, as far as the looks since the last rest have seen."""
        rest, self._again_s = min(longest, self._again_s), math.inf
        return rest

    def leave(self, claimed: Claimed) -> None:
        """Its attempt has ended."""
        self._held[claimed.queue] -= 1

    async def give_back(self, claimed: Sequence[Claimed]) -> None:
        """They leave without an attempt."""
        for one in claimed:
            self.leave(one)
        await self.release(claimed)

    async def release(self, claimed: Sequence[Claimed]) -> None:
        """Let others have deliveries of which no attempt was made; with the database away, when their lease ends."""
        with suppress(Unavailable):
            await claims.release(self._ctx, claimed)
