"""One endpoint of twenty hangs: what the others notice."""

from __future__ import annotations

import time

from greenroom.bench.arithmetic import percentile, waits
from greenroom.bench.bench import Bench, BenchFailed, of_rounds, pause
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway
from greenroom.bench.load import Job, Load
from greenroom.model.deliveries import PER_DESTINATION

Deliveries = dict[tuple[str, int], float]

SECTION = "isolation"
WEBHOOKS = 20
HANGING = "/hook-0"
#: deliveries that wait at the start, to see how fast this gateway is
QUEUED = 6000
#: the share of that rate at which deliveries then come: nothing but the hanging one should be in anybody's way
SHARE = 0.4
#: orders that come within a second before a round is measured: the hanging endpoint then holds as much as it ever will
BURST = PER_DESTINATION * 3 // 2
#: how long the others' deliveries are waited for; what has not come by then has waited at least so long
PATIENCE_S = 6.0
MOST_ROUNDS = 2


def isolation(bench: Bench) -> list[Figure]:
    """The others' 95th percentile from an order that is due to its arrival, with the hanging one over without."""
    with bench.installation("isolation") as installed:
        urls = [bench.hook(f"hook-{number}") for number in range(WEBHOOKS)]
        customer = installed.customer("twenty", urls, queued=QUEUED)
        before, _ = bench.counted()
        served = installed.serve()
        rate = _drained(bench, before) * SHARE / WEBHOOKS
        pairs = []
        for _ in range(min(bench.rounds, MOST_ROUNDS)):
            without = _others_p95_ms(bench, served, customer, rate, hanging=[])
            pairs.append((_others_p95_ms(bench, served, customer, rate, hanging=[HANGING]), without))
    value, base, ratio = of_rounds(pairs)
    return [
        Figure(SECTION, "deliveries that come", rate * WEBHOOKS, "/s"),
        Figure(SECTION, "the 19 others' p95, one hanging", value, "ms", "none hanging", base, ratio, 1.2, at_most=True),
    ]


def _drained(bench: Bench, before: int) -> float:
    """Deliveries a second while what was queued is delivered, `before` the count at which that began."""
    seen, began = bench.counted()
    ended = bench.until_counted(before + QUEUED)
    if seen - before > QUEUED / 2:
        raise BenchFailed("The gateway was faster than the benchmark could look.")
    return (before + QUEUED - seen) / (ended - began)


def _others_p95_ms(bench: Bench, served: Gateway, customer: Customer, rate: float, *, hanging: list[str]) -> float:
    bench.behave(watching=True, hanging=hanging)
    _others(bench, _orders(bench, served, customer, seconds=1, rate=BURST))
    due, found = _others(bench, _orders(bench, served, customer, seconds=max(2 * bench.seconds, 1), rate=rate))
    until = time.monotonic()
    bench.behave()  # lets go of what hangs
    _settle(bench)
    return percentile(waits(due, found, until=until), 0.95) * 1000


def _orders(bench: Bench, served: Gateway, customer: Customer, *, seconds: float, rate: float) -> Load:
    job = Job("open", served.send_test_url(customer), seconds, rate=rate, token=customer.token)
    load = bench.load(job, overload=True)
    if load.failed:
        bench.say(f"{load.failed} of {load.failed + load.done} orders were refused, and are not waited for")
    return load


def _others(bench: Bench, load: Load) -> tuple[Deliveries, Deliveries]:
    """When each delivery of a load to the others was due, and when it came: all of them, or those in time."""
    others = [f"/hook-{number}" for number in range(WEBHOOKS) if f"/hook-{number}" != HANGING]
    due = {(path, order): at for path in others for order, at in load.due.items() if order in load.answered}
    until = time.monotonic() + PATIENCE_S
    while True:
        found = {(path, order): at for path, order, at in bench.arrivals() if (path, order) in due}
        if len(found) == len(due) or time.monotonic() > until:
            return due, found
        pause(0.1)


def _settle(bench: Bench) -> None:
    """Until nothing has come for a while: the next round must not meet this one's deliveries."""
    seen = -1
    while (answered := bench.counted()[0]) > seen:
        seen = answered
        pause(1.0)
