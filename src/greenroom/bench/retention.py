"""What deliveries notice while old ones are deleted."""

from __future__ import annotations

from contextlib import ExitStack

from greenroom.bench.accept import accepted_and_delivered
from greenroom.bench.arithmetic import percentile, waits
from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway
from greenroom.bench.load import Job

SECTION = "retention"
#: ended deliveries that are too old for one of two gateways, at a scale of 1: they last for minutes of deleting
OLD = 100_000
FULL = 1_000_000
#: of the rate that can be sustained; and of the waits, what is reported
SHARE = 0.5
PERCENTILE = 0.95
#: days that they keep what has ended: younger than what is there, and older
DELETING, KEEPING = 90, 3650


def retention(bench: Bench) -> list[Figure]:
    """From the moment an order is due to its arrival, while the engine deletes what is old, over while it need not."""
    old = FULL if bench.full else int(OLD * bench.scale)
    with ExitStack() as stack:
        keeping = _aged(bench, stack, old, KEEPING)
        deleting = _aged(bench, stack, old, DELETING)
        rate = _sustained(bench, keeping) * SHARE
        pairs = [(_wait_ms(bench, deleting, rate), _wait_ms(bench, keeping, rate)) for _ in range(bench.rounds)]
    value, base, ratio = of_rounds(pairs)
    name = f"due → delivered, p{PERCENTILE * 100:.0f}, {old:,} being deleted"
    return [
        Figure(SECTION, "orders that come", rate, "orders/s"),
        Figure(SECTION, name, value, "ms", "none deleted", base, ratio),
    ]


def _aged(bench: Bench, stack: ExitStack, old: int, days: int) -> tuple[Gateway, Customer]:
    """A gateway that has delivered so many before, paused."""
    bench.say(f"writing {old:,} old deliveries")
    name = f"retention-{days}"
    installed = stack.enter_context(bench.installation(name, retention_days=days))
    customer = installed.customer(name, [bench.hook(name)], delivered=old)
    served = installed.serve()
    served.pause()
    return served, customer


def _sustained(bench: Bench, aged: tuple[Gateway, Customer]) -> float:
    served, customer = aged
    served.resume()
    accepted_and_delivered(bench, served, customer, seconds=0.3)
    rate, _ = accepted_and_delivered(bench, served, customer, seconds=bench.seconds)
    served.pause()
    return rate


def _wait_ms(bench: Bench, aged: tuple[Gateway, Customer], rate: float) -> float:
    served, customer = aged
    served.resume()
    before, _ = bench.counted()
    bench.behave(watching=True)
    load = bench.load(Job("open", served.send_test_url(customer), 2 * bench.seconds, rate=rate, token=customer.token))
    ended = bench.until_counted(before + load.done + 1)
    arrived = {number: at for _, number, at in bench.arrivals()}
    served.pause()
    return percentile(waits(load.due, arrived, until=ended), PERCENTILE) * 1000
