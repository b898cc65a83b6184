"""Each scenario in two sizes: a few seconds in every test run, a minute and more in `make chaos`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Size:
    """
    `seconds` of `rate` orders a second; a fault after every `period`; the database is away for `outage` seconds.

    `dead` deliveries are replayed, and `kills` come meanwhile.

    `real_leases`: the ends of leases are waited for. Otherwise the database is told that their time has passed.
    """

    name: str
    seconds: float
    rate: float
    period: float
    outage: float
    dead: int
    kills: int
    real_leases: bool


SHORT = Size("short", seconds=3, rate=30, period=1.0, outage=1, dead=2_000, kills=2, real_leases=False)
LONG = Size("long", seconds=60, rate=60, period=4, outage=60, dead=100_000, kills=8, real_leases=True)

sized = pytest.mark.parametrize(
    "size", [SHORT, pytest.param(LONG, marks=pytest.mark.chaos)], ids=lambda size: size.name
)
