"""Whether a delivery costs more the more are queued, and whether workers add up."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Gateway, Installation

SECTION = "growth"
LENGTHS = (10_000, 100_000)
FULL = 1_000_000
#: faster than any engine here, so that the shortest queue does not run dry
QUICK_PER_S = 6000
#: of the deliveries that several workers share
DESTINATIONS = 16


def growth(bench: Bench) -> list[Figure]:
    """
    The time per delivery from queues of several lengths, over that from the shortest; on PostgreSQL also what two and
    four workers deliver, over one.
    """
    return [*_lengths(bench), *(_workers(bench) if bench.server else [])]


def _lengths(bench: Bench) -> list[Figure]:
    lengths = [int(length * bench.scale) for length in (*LENGTHS, *([FULL] if bench.full else []))]
    seconds = min(bench.seconds, lengths[0] / bench.rounds / QUICK_PER_S)
    with ExitStack() as stack:
        gateways = [_filled(bench, stack, length) for length in lengths]
        costs = [[_cost_ms(bench, one, seconds) for one in gateways] for _ in range(bench.rounds)]
    shortest = median(row[0] for row in costs)
    figures = [Figure(SECTION, f"a delivery, {lengths[0]:,} queued", shortest, "ms")]
    for column, length in enumerate(lengths[1:], start=1):
        value, base, ratio = of_rounds([(row[column], row[0]) for row in costs])
        against = f"with {lengths[0]:,}"
        figures.append(
            Figure(SECTION, f"a delivery, {length:,} queued", value, "ms", against, base, ratio, 1.3, at_most=True)
        )
    return figures


def _filled(bench: Bench, stack: ExitStack, length: int) -> Gateway:
    """A gateway with so many deliveries queued, paused."""
    bench.say(f"queueing {length:,} deliveries")
    name = f"queue-{length}"
    installed = stack.enter_context(bench.installation(name))
    installed.customer(name, [bench.hook(name)], queued=length)
    served = installed.serve()
    served.pause()
    return served


def _cost_ms(bench: Bench, served: Gateway, seconds: float) -> float:
    served.resume()
    rate = bench.counted_for(seconds)
    served.pause()
    return 1000 / rate


def _workers(bench: Bench) -> list[Figure]:
    rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
    with bench.installation("workers") as installed:
        queued = int(QUICK_PER_S * (len(rates) * bench.rounds * bench.seconds + 1))
        bench.say(f"queueing {queued:,} deliveries")
        # many destinations: a stopped worker keeps its places at each, and a single one would have none left
        hooks = [bench.hook(f"workers-{number}") for number in range(DESTINATIONS)]
        installed.customer("workers", hooks, queued=queued)
        workers = [_waiting(installed, number) for number in range(1, max(rates) + 1)]
        # not in turn: a worker that is stopped again and again keeps what it has claimed from the others
        for count, measured in rates.items():
            for worker in workers[:count]:
                worker.resume()
            measured += [bench.counted_for(bench.seconds) for _ in range(bench.rounds)]
    return [_added(count, rates[count], rates[1], bar) for count, bar in ((2, 1.6), (4, None))]


def _waiting(installed: Installation, number: int) -> Gateway:
    """A worker that is paused as soon as it is there: the queue is to be as long when the last one has started."""
    worker = installed.work(number)
    worker.pause()
    return worker


def _added(count: int, rates: list[float], alone: list[float], bar: float | None) -> Figure:
    value, base, ratio = of_rounds(list(zip(rates, alone, strict=True)))
    name = {2: "two", 4: "four"}[count]
    return Figure(SECTION, f"{name} workers deliver", value, "/s", "one worker", base, ratio, bar)
