"""The cost of a delivery as the queue grows, and the rate as workers are added."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import median

from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Gateway, Installation

SECTION = "growth"
LENGTHS = (10_000, 100_000)
FULL = 1_000_000
#: deliveries a second, more than any gateway makes, so that the shortest queue does not run empty
QUICK_PER_S = 6000
#: webhooks that several workers deliver to
DESTINATIONS = 16


def growth(bench: Bench) -> list[Figure]:
    """
    Measures the time per delivery for several lengths of the queue.

    It is compared to the shortest queue; on PostgreSQL also the rates of two and four workers to that of one.
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
    """Returns a paused gateway with so many deliveries queued."""
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
        queued = int(QUICK_PER_S * (len(rates) * bench.rounds * bench.seconds + 3))  # a busy machine measures longer
        bench.say(f"queueing {queued:,} deliveries")
        # many webhooks: a suspended worker keeps its concurrency slots of each, and could use up those of a single one
        hooks = [bench.hook(f"workers-{number}") for number in range(DESTINATIONS)]
        installed.customer("workers", hooks, queued=queued)
        workers = [_start_paused(installed, number) for number in range(1, max(rates) + 1)]
        # not in turn: a worker that is suspended again and again withholds its claimed deliveries from the others
        for count, measured in rates.items():
            for worker in workers[:count]:
                worker.resume()
            measured += [bench.counted_for(bench.seconds) for _ in range(bench.rounds)]
    return [_added(count, rates[count], rates[1], bar) for count, bar in ((2, 1.6), (4, None))]


def _start_paused(installed: Installation, number: int) -> Gateway:
    """
    Returns a paused worker.

    It is paused as soon as it is ready, so that the queue is still full when the last worker starts.
    """
    worker = installed.work(number)
    worker.pause()
    return worker


def _added(count: int, rates: list[float], alone: list[float], bar: float | None) -> Figure:
    value, base, ratio = of_rounds(list(zip(rates, alone, strict=True)))
    name = {2: "two", 4: "four"}[count]
    return Figure(SECTION, f"{name} workers deliver", value, "/s", "one worker", base, ratio, bar)
