"""The time from an order to its vendor, in an open loop at random times."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from greenroom.bench import databases
from greenroom.bench.accept import sustained
from greenroom.bench.arithmetic import percentile, waits
from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.deliver import round_trip_ms
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway, Installation
from greenroom.bench.load import Job, Load

SECTION = "latency"
#: seconds that the yardsticks are measured in each round
YARDSTICK_S = 0.3


@dataclass(frozen=True)
class _Round:
    """
    One round's waits in milliseconds.

    `accepted` is from the moment an order was due to its answer, `delivered` from there to its arrival at the vendor,
    `after` from its answer to its arrival, 0 where it arrived first. `least` is one commit and one round trip.
    """

    accepted: list[float]
    delivered: list[float]
    after: list[float]
    least: float


def latency(bench: Bench) -> list[Figure]:
    """
    Measures an order's waits until its answer and until its arrival at the vendor.

    The rate is half the sustainable one. The base is the receiver's own round trip and one commit.
    """
    with bench.installation("latency") as installed:
        active = installed.customer("active", [bench.hook("active")])
        served = installed.serve()
        rate = sustained(bench, served, active) / 2
        rounds = [_round(bench, installed, served, active, rate) for _ in range(bench.rounds)]
    return [Figure(SECTION, "orders that come", rate, "orders/s"), *_figures(rounds)]


def orders_that_come(
    bench: Bench, served: Gateway, customer: Customer, rate: float
) -> tuple[Load, dict[int, float], float]:
    """
    Sends an open loop of orders for one webhook.

    Returns the load, when each order arrived, by its number, and when all had.
    """
    before, _ = bench.counted()
    bench.behave(watching=True)
    load = bench.load(Job("open", served.send_test_url(customer), 2 * bench.seconds, rate=rate, token=customer.token))
    ended = bench.until_counted(before + load.done + 1)
    return load, {number: at for _, number, at in bench.arrivals()}, ended


def _round(bench: Bench, installed: Installation, served: Gateway, customer: Customer, rate: float) -> _Round:
    commit_ms = 1000 / databases.commits(installed.database_url, bench.directory, YARDSTICK_S)
    trip_ms = round_trip_ms(bench, seconds=YARDSTICK_S)
    load, arrived, ended = orders_that_come(bench, served, customer, rate)
    return _Round(
        [wait * 1000 for wait in waits(load.due, load.answered, until=ended)],
        [wait * 1000 for wait in waits(load.due, arrived, until=ended)],
        [max(wait, 0) * 1000 for wait in waits(load.answered, arrived, until=ended)],
        commit_ms + trip_ms,
    )


def _figures(rounds: list[_Round]) -> list[Figure]:
    measured = {
        "due → accepted": [one.accepted for one in rounds],
        "accepted → delivered": [one.after for one in rounds],
        "due → delivered": [one.delivered for one in rounds],
    }
    bars = {"accepted → delivered": 10.0}
    figures = []
    for name, waited in measured.items():
        p50, p99 = (median(percentile(one, share) for one in waited) for share in (0.5, 0.99))
        pairs = [(percentile(one, 0.95), round_.least) for one, round_ in zip(waited, rounds, strict=True)]
        value, base, ratio = of_rounds(pairs)
        against = "round trip + commit"
        figures += [
            Figure(SECTION, f"{name}, p50", p50, "ms"),
            Figure(SECTION, f"{name}, p95", value, "ms", against, base, ratio, bars.get(name), at_most=True),
            Figure(SECTION, f"{name}, p99", p99, "ms"),
        ]
    return figures
