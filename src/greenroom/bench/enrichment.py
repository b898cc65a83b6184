"""The cost of enrichment for the answer to an order: it is read for after the answer."""

from __future__ import annotations

from greenroom.bench.arithmetic import waits
from greenroom.bench.bench import Bench, in_turn, percentile_of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway
from greenroom.bench.load import Job

SECTION = "enrichment"
#: orders a second, of one customer
RATE = 30.0


def enrichment(bench: Bench) -> list[Figure]:
    """
    Measures the wait for an order's answer with enrichment and without.

    The customer has not authorised the ATS's API: everything but the reads happens.
    """
    with bench.installation("enrichment") as installed:
        plain = installed.customer("plain", [bench.hook("plain")])
        enriched = installed.customer("enriched", [bench.hook("enriched")], authentication_type="public_partner")
        served = installed.serve()
        pairs = in_turn(bench.rounds, lambda with_it: _waits_ms(bench, served, enriched if with_it else plain))
    figures = []
    for share, bar in ((0.5, 1.2), (0.95, None)):
        value, base, ratio = percentile_of_rounds(pairs, share)
        name, against = f"due → accepted p{share * 100:.0f}, to be enriched", "not enriched"
        figures.append(Figure(SECTION, name, value, "ms", against, base, ratio, bar, at_most=True))
    return figures


def _waits_ms(bench: Bench, served: Gateway, customer: Customer) -> list[float]:
    before, _ = bench.counted()
    load = bench.load(Job("open", served.send_test_url(customer), 2 * bench.seconds, rate=RATE, token=customer.token))
    ended = bench.until_counted(before + load.done)
    return [wait * 1000 for wait in waits(load.due, load.answered, until=ended)]
