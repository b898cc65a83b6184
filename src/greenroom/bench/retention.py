"""The effect of deleting old deliveries on deliveries and claims."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from greenroom.bench.accept import sustained
from greenroom.bench.arithmetic import percentile, waits
from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway, Installation
from greenroom.bench.latency import orders_that_come
from greenroom.demo.client import Client

SECTION = "retention"
#: old deliveries, which one of two gateways deletes, at a scale of 1: enough for minutes of deletion
OLD = 100_000
FULL = 1_000_000
#: attempts of each old delivery
ATTEMPTS = 10
#: deliveries that are queued and claimed in a round, and their webhooks
QUEUED, DESTINATIONS = 2_000, 20
#: the rate, as a share of the sustainable one; and the percentile of the waits that is reported
SHARE = 0.5
PERCENTILE = 0.95
#: seconds for a claim, at most; a bucket of the gateway's own histogram
QUICK_S = 0.05
#: retention in days of the two gateways: less than the age of the old deliveries, and more
DELETING, KEEPING = 90, 3650


@dataclass(frozen=True)
class _Aged:
    """A paused gateway with many old deliveries."""

    installed: Installation
    served: Gateway
    active: Customer
    queued: Customer


def retention(bench: Bench) -> list[Figure]:
    """
    Measures waits and claims while the engine deletes old deliveries.

    The waits are from the moment an order is due to its arrival. Both are compared to a gateway that deletes nothing.
    """
    old = FULL if bench.full else int(OLD * bench.scale)
    with ExitStack() as stack:
        keeping = _aged(bench, stack, old, KEEPING)
        deleting = _aged(bench, stack, old, DELETING)
        rate = _sustained(bench, keeping) * SHARE
        waits_ms, claims = [], []
        for _ in range(bench.rounds):
            waits_ms.append((_wait_ms(bench, deleting, rate), _wait_ms(bench, keeping, rate)))
            claims.append((_claims(bench, deleting), _claims(bench, keeping)))
    wait, undisturbed, waited = of_rounds(waits_ms)
    claim, before, rose = of_rounds([(_mean_ms(one), _mean_ms(other)) for one, other in claims])
    quick, made = (sum(one[of] for one, _ in claims) for of in ("quick", "all"))
    during, without = f"{old * ATTEMPTS:,} attempts being deleted", "none deleted"
    in_time = f"claims within {QUICK_S * 1000:g} ms, {during}"
    return [
        Figure(SECTION, "orders that come", rate, "orders/s"),
        Figure(
            SECTION, f"due → delivered, p{PERCENTILE * 100:.0f}, {during}", wait, "ms", without, undisturbed, waited
        ),
        Figure(SECTION, f"a claim, {during}", claim, "ms", without, before, rose),
        Figure(SECTION, in_time, quick, "claims", "all of them", made, quick / made, 0.99),
    ]


def _aged(bench: Bench, stack: ExitStack, old: int, days: int) -> _Aged:
    bench.say(f"writing {old:,} old deliveries of {ATTEMPTS} attempts")
    name = f"retention-{days}"
    installed = stack.enter_context(bench.installation(name, retention_days=days))
    active = installed.customer(name, [bench.hook(name)], delivered=old, attempts=ATTEMPTS)
    queued = installed.customer(f"{name}-queued", [bench.hook(f"{name}-{n}") for n in range(DESTINATIONS)])
    served = installed.serve()
    served.pause()
    return _Aged(installed, served, active, queued)


def _sustained(bench: Bench, aged: _Aged) -> float:
    aged.served.resume()
    rate = sustained(bench, aged.served, aged.active)
    aged.served.pause()
    return rate


def _mean_ms(claims: dict[str, float]) -> float:
    return claims["seconds"] / claims["all"] * 1000


def _claims(bench: Bench, aged: _Aged) -> dict[str, float]:
    """
    Returns the claims for one queue.

    `all` is their number, `quick` the number within `QUICK_S`, `seconds` their total time.
    """
    aged.served.resume()
    answered, _ = bench.counted()
    before = _claims_so_far(aged.served)
    aged.installed.queue(aged.queued, aged.queued.webhook_ids, QUEUED)
    bench.until_counted(answered + QUEUED)
    after = _claims_so_far(aged.served)
    aged.served.pause()
    return {of: after[of] - before[of] for of in after}


def _claims_so_far(served: Gateway) -> dict[str, float]:
    metrics = Client(served.url).text("GET", "/metrics")
    samples = [sample for family in text_string_to_metric_families(metrics) for sample in family.samples]
    found = {sample.name + sample.labels.get("le", ""): sample.value for sample in samples}
    name = "greenroom_claim_seconds"
    return {
        "all": found[f"{name}_count"],
        "quick": found[f"{name}_bucket{QUICK_S}"],
        "seconds": found[f"{name}_sum"],
    }


def _wait_ms(bench: Bench, aged: _Aged, rate: float) -> float:
    aged.served.resume()
    load, arrived, ended = orders_that_come(bench, aged.served, aged.active, rate)
    aged.served.pause()
    return percentile(waits(load.due, arrived, until=ended), PERCENTILE) * 1000
