"""Statistics of measurements. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def percentile(values: Sequence[float], share: float) -> float:
    """
    Returns a percentile of `values` by the nearest rank, without interpolation.

    It is the smallest value that at least `share` (0 to 1) of the values do not exceed.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def arrivals(rate: float, seconds: float, *, seed: int = 1) -> list[float]:
    """
    Returns when each request of an open loop is due, in seconds from its start.

    Requests are independent of each other and of the answers, `rate` a second on the average. The same seed gives the
    same times.
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
    Returns how long each request waited from the moment at which it was *due*.

    So the wait includes requests that a slow server kept the client from sending. A request without an answer has
    waited until `until`.
    """
    return [happened.get(one, until) - at for one, at in due.items()]
