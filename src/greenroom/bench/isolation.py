"""One endpoint of twenty hangs: what the others notice."""

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
#: what waits for the hanging endpoint when a round begins, at a scale of 1
QUEUED = 10_000
#: how long the others' deliveries are waited for; what has not come by then has waited at least so long
PATIENCE_S = 6.0


def isolation(bench: Bench) -> list[Figure]:
    """
    The others' median and 95th percentile from an order that is due to its arrival, with the hanging one over without,
    at half the rate that can be sustained.
    """
    with bench.installation("isolation") as installed:
        customer = installed.customer("twenty", [bench.hook(f"hook-{number}") for number in range(WEBHOOKS)])
        served = installed.serve()
        rate = sustained(bench, served, customer) / 2

        def measure(hanging: bool) -> list[float]:
            _begin(bench, installed, customer, hanging=hanging)
            waited_ms = _others_ms(bench, served, customer, rate)
            bench.behave()  # lets go of what hangs
            _settle(bench)
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
    """The state that a round begins with: the hanging endpoint has as many attempts as it may ever have."""
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
