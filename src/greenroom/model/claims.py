"""Round-robin allocation of a worker's free concurrency slots to the destinations of a queue. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: follows the worker's id in the leases that it takes while it holds its session. Other leases only end by themselves:
#: those of a worker that could not obtain a session, or of a version without sessions
MARK = "_session"


@dataclass(frozen=True)
class Waiting:
    """
    A destination with pending deliveries, of which `due` may be attempted now.

    `more` means that further deliveries are due but exceed the destination's own limits.
    """

    destination_id: str
    due: int
    more: bool = False


@dataclass(frozen=True)
class Cursor:
    """
    A worker's position in its round over the destinations of one queue.

    The next batch of candidates begins after the destination id `after`; "" is the start. The other fields cover the
    batches since the round began: `quiet`, no delivery was allocated; `short`, there were too few free slots; `behind`,
    the destinations whose own limits held back due deliveries.
    """

    after: str = ""
    quiet: bool = True
    short: bool = False
    behind: frozenset[str] = frozenset()

    @property
    def idle(self) -> bool:
        """Returns whether a whole round found no delivery to claim."""
        return self.quiet and not self.after

    def moved(self, met: Sequence[Waiting], shares: Sequence[int], *, ended: bool) -> Cursor:
        """
        Returns the cursor after a batch of candidates was allocated `shares`.

        `ended` means that no destination comes after this batch. A due destination without a
        slot is served next.
        """
        before = self if self.after else Cursor()
        passed_over = next((n for n, one in enumerate(met) if one.due and not shares[n]), None)
        if passed_over is not None:
            after = met[passed_over - 1].destination_id if passed_over else self.after
        else:
            after = "" if ended or not met else met[-1].destination_id
        return Cursor(
            after,
            quiet=before.quiet and not any(shares),
            short=before.short or any(share < one.due for one, share in zip(met, shares, strict=True)),
            behind=before.behind.union(one.destination_id for one in met if one.more),
        )


def allocate(met: Sequence[Waiting], slots: int) -> list[int]:
    """Allocates free slots round-robin, one per destination, until the slots or the due deliveries are used up."""
    shares = [0] * len(met)
    while slots > 0:
        hungry = [n for n, one in enumerate(met) if shares[n] < one.due]
        if not hungry:
            break
        for n in hungry[:slots]:
            shares[n] += 1
        slots -= len(hungry)
    return shares
