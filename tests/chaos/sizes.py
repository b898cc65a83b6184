"""Each scenario in two sizes: a few seconds in every test run, a minute and more in `make chaos`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Size:
    """
    The size of a scenario: `seconds` of `rate` orders a second; a fault after every `period`; `outage` seconds without database.

    `dead` deliveries are replayed, with `kills` meanwhile.

    With `real_leases` the test waits for leases to expire. Otherwise it moves their ends in the database to the past.
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
