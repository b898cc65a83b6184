"""One endpoint of twenty hangs: the effect on the others."""

from __future__ import annotations

import time

from greenroom.bench.accept import sustained
from greenroom.bench.arithmetic import waits
from greenroom.bench.bench import Bench, in_turn, pause, percentile_of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway, Installation
from greenroom.bench.load import Job, Load
from greenroom.model.deliveries import PER_DESTINATION

Deliveries = dict[tuple[str, int], float]

SECTION = "isolation"
WEBHOOKS = 20
HANGING = "/hook-0"
#: deliveries queued for the hanging endpoint when a round begins, at a scale of 1
QUEUED = 10_000
#: seconds to wait for the others' deliveries; a delivery that is later counts as this long at least
PATIENCE_S = 6.0


def isolation(bench: Bench) -> list[Figure]:
    """
    Measures the others' waits while one endpoint hangs, over those without.

    The figures are the median and the 95th percentile from an order that is due to its arrival, at half the sustainable
    rate.
    """
    with bench.installation("isolation") as installed:
        customer = installed.customer("twenty", [bench.hook(f"hook-{number}") for number in range(WEBHOOKS)])
        served = installed.serve()
        rate = sustained(bench, served, customer) / 2

        def measure(hanging: bool) -> list[float]:
            _begin(bench, installed, customer, hanging=hanging)
            waited_ms = _others_ms(bench, served, customer, rate)
            bench.behave()  # answers the requests that hang
            _wait_for_quiet(bench)
            return waited_ms

        pairs = in_turn(bench.rounds, measure)
    p50, before, rose = percentile_of_rounds(pairs, 0.5)
    p95, base, ratio = percentile_of_rounds(pairs, 0.95)
    return [
        Figure(SECTION, "deliveries that come", rate * WEBHOOKS, "/s"),
        Figure(SECTION, "the 19 others' p50, one hanging", p50, "ms", "none hanging", before, rose),
        Figure(SECTION, "the 19 others' p95, one hanging", p95, "ms", "none hanging", base, ratio, 1.2, at_most=True),
    ]


def _begin(bench: Bench, installed: Installation, customer: Customer, *, hanging: bool) -> None:
    """
    Prepares a round.

    The hanging endpoint gets as many attempts in flight as its limit allows.
    """
    bench.behave(watching=True, hanging=[HANGING] if hanging else [])
    if hanging:
        queued = max(int(QUEUED * bench.scale), PER_DESTINATION)
        installed.queue(customer, customer.webhook_ids[:1], queued)
        bench.until_held(PER_DESTINATION)


def _others_ms(bench: Bench, served: Gateway, customer: Customer, rate: float) -> list[float]:
    due, found = _others(bench, _orders(bench, served, customer, seconds=max(2 * bench.seconds, 1), rate=rate))
    return [wait * 1000 for wait in waits(due, found, until=time.monotonic())]


def _orders(bench: Bench, served: Gateway, customer: Customer, *, seconds: float, rate: float) -> Load:
    job = Job("open", served.send_test_url(customer), seconds, rate=rate, token=customer.token)
    load = bench.load(job, overload=True)
    if load.failed:
        bench.say(f"{load.failed} of {load.failed + load.done} orders were refused, and are not waited for")
    return load


def _others(bench: Bench, load: Load) -> tuple[Deliveries, Deliveries]:
    """
    Returns when each delivery to the other endpoints was due, and when it arrived.

    Deliveries that have not arrived within `PATIENCE_S` are not among the arrivals.
    """
    others = [f"/hook-{number}" for number in range(WEBHOOKS) if f"/hook-{number}" != HANGING]
    due = {(path, order): at for path in others for order, at in load.due.items() if order in load.answered}
    until = time.monotonic() + PATIENCE_S
    while True:
        found = {(path, order): at for path, order, at in bench.arrivals() if (path, order) in due}
        if len(found) == len(due) or time.monotonic() > until:
            return due, found
        pause(0.1)


def _wait_for_quiet(bench: Bench) -> None:
    """Waits until no delivery has arrived for a second, so that rounds do not overlap."""
    seen = -1
    while (answered := bench.counted()[0]) > seen:
        seen = answered
        pause(1.0)
