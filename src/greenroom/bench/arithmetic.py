"""What is computed from measurements. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def percentile(values: Sequence[float], share: float) -> float:
    """
    The smallest of `values` that at least `share` (0 to 1) of them do not exceed: the nearest rank, nothing in between.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def arrivals(rate: float, seconds: float, *, seed: int = 1) -> list[float]:
    """
    When each request of an open loop is due, in seconds from its start.

    They come as strangers do: independently, `rate` a second on the average, however slow the answers are. The same
    seed gives the same times.
    """
    chance = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    found: list[float] = []
    at = chance.expovariate(rate)
    while at < seconds:
        found.append(at)
        at += chance.expovariate(rate)
    return found


def waits(due: Mapping[K, float], happened: Mapping[K, float], *, until: float) -> list[float]:
    """
    How long each had to wait from the moment it was *due*, so that a server which holds up its clients is not excused
    from the requests they could not send. What has not happened counts as having waited until `until`: at least that.
    """
    return [happened.get(one, until) - at for one, at in due.items()]
