"""Who is next: a round over the destinations of a queue, and what each gets of the free places. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: follows the worker's id in the leases that it takes while it holds its session. Other leases only end by themselves:
#: those of a worker that could not obtain a session, or of a version without sessions
MARK = "_session"


@dataclass(frozen=True)
class Waiting:
    """
    A destination met on a round: how many of its deliveries are due and may leave now. `more`: others are due, and its
    own limits keep them.
    """

    destination_id: str
    due: int
    more: bool = False


@dataclass(frozen=True)
class Cursor:
    """
    Where a worker's round over the destinations of one queue stands.

    The next look begins after `after` in the order of ids, "" is the start. Since the round began: `quiet`, nothing was
    to be had; `short`, there were not places enough; `behind`, the destinations whose own limits keep what is due.
    """

    after: str = ""
    quiet: bool = True
    short: bool = False
    behind: frozenset[str] = frozenset()

    @property
    def idle(self) -> bool:
        """A whole round found nothing to do."""
        return self.quiet and not self.after

    def moved(self, met: Sequence[Waiting], shares: Sequence[int], *, ended: bool) -> Cursor:
        """The turn after a look that met these and gave each its share; `ended`: no destination comes after them."""
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


def deal(met: Sequence[Waiting], places: int) -> list[int]:
    """Share out free places: one for each destination in turn, until the places or the due deliveries are used up."""
    shares = [0] * len(met)
    while places > 0:
        hungry = [n for n, one in enumerate(met) if shares[n] < one.due]
        if not hungry:
            break
        for n in hungry[:places]:
            shares[n] += 1
        places -= len(hungry)
    return shares
