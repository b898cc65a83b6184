"""One project sends ten times its limit: the effect on another's orders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from greenroom.bench.accept import sustained
from greenroom.bench.arithmetic import waits
from greenroom.bench.bench import Bench, in_turn, of_rounds, percentile_of_rounds, started
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway, Installation
from greenroom.bench.latency import orders_that_come
from greenroom.bench.load import Job
from greenroom.services.projects import WINDOW
from greenroom.settings import Settings

SECTION = "flood"
#: requests of a key in a minute, at most, and the average for each second
QUOTA = Settings().rate_limit
PER_S = QUOTA / WINDOW.total_seconds()
#: the flood's rate, as a multiple of the limit
TIMES = 10


@dataclass
class _Flood:
    """
    A project that sends ten times its rate limit.

    As a base it sends as many requests to the receiver, which costs this machine as much. `bench` has a load process of
    its own. `refused` has a pair for each flood: the requests answered 429 with a Retry-After, and the requests over
    the limit.
    """

    bench: Bench
    installed: Installation
    served: Gateway
    customer: Customer
    refused: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def posting(self, *, elsewhere: bool) -> Iterator[None]:
        """
        Sends requests for as long as the other project's orders come.

        That is shorter than the window of a minute, so a new key is used, with so many requests left that a tenth of
        the flood passes, as in a whole minute.
        """
        seconds = 2 * self.bench.seconds
        left = math.ceil(PER_S * seconds)
        key = self.installed.key(self.customer, used=QUOTA - left)
        url = (
            f"{self.bench.receiver}/control/count" if elsewhere else f"{self.served.url}/unified/ats/assessments/orders"
        )
        job = Job("open", url, seconds, rate=TIMES * PER_S, token=key, account=self.customer.account_id)
        with ThreadPoolExecutor(1) as pool:
            posted = pool.submit(self.bench.load, job, overload=True)
            yield
        load = posted.result()
        if not elsewhere:
            passing = left - 1  # the request that opened the connection has used one
            self.refused.append((load.refused, load.done + load.failed - passing))


def flood(bench: Bench) -> list[Figure]:
    """
    Measures the effect of a flood over the rate limit on another project.

    The figures are the other customer's median and 99th percentile from an order that is due to its answer, at half the
    sustainable rate, compared to the same with the flood sent elsewhere; and the share of the requests over the limit
    that are answered 429 with a Retry-After.
    """
    with bench.installation("flood") as installed:
        active = installed.customer("active", [bench.hook("active")])
        flooding = installed.customer("flooding", [bench.hook("flooding")], enabled=False)
        served = installed.serve()
        generator = started(bench.processes, "flooding", "Load is ready", module="load")
        poster = _Flood(replace(bench, generator=generator), installed, served, flooding)
        rate = sustained(bench, served, active) / 2

        def measure(flooded: bool) -> list[float]:
            with poster.posting(elsewhere=not flooded):
                return _accepted_ms(bench, served, active, rate)

        pairs = in_turn(bench.rounds, measure)
        bench.processes.stop("flooding")
    p50, before, rose = percentile_of_rounds(pairs, 0.5)
    p99, base, ratio = percentile_of_rounds(pairs, 0.99)
    refused, over, share = of_rounds(poster.refused)
    name, without = "due → accepted, {}, another flooding", "as much elsewhere"
    return [
        Figure(SECTION, "orders that come", rate, "orders/s"),
        Figure(SECTION, name.format("p50"), p50, "ms", without, before, rose),
        Figure(SECTION, name.format("p99"), p99, "ms", without, base, ratio, 1.2, at_most=True),
        Figure(SECTION, "answered 429 with Retry-After", refused, "requests", "over the quota", over, share, 1.0),
    ]


def _accepted_ms(bench: Bench, served: Gateway, customer: Customer, rate: float) -> list[float]:
    load, _, ended = orders_that_come(bench, served, customer, rate)
    return [wait * 1000 for wait in waits(load.due, load.answered, until=ended)]
