"""Draining a queue, against a bare client with the same requests."""

from __future__ import annotations

from statistics import median

from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.load import Job
from greenroom.model.deliveries import PER_DESTINATION

SECTION = "deliver"
#: deliveries to queue for each second of the run: more than any gateway delivers
QUEUED_PER_S = 6000
#: the share of answers that are errors, in the rounds with errors
FAILING = 0.1


def deliver(bench: Bench) -> list[Figure]:
    """
    Measures deliveries a second from a queue that was filled before.

    They are compared to the bare client's requests; and attempts a second while a tenth of the answers are errors, to
    those without errors.
    """
    plain: list[tuple[float, float]] = []
    failing: list[tuple[float, float]] = []
    queued = int(QUEUED_PER_S * (2 * bench.rounds * bench.seconds + 1))
    with bench.installation("deliver") as installed:
        bench.say(f"queueing {queued:,} deliveries")
        installed.customer("deliver", [bench.hook("deliver")], queued=queued)
        before, _ = bench.counted()
        served = installed.serve()
        bench.until_counted(before + PER_DESTINATION)
        for _ in range(bench.rounds):
            rate = bench.counted_for(bench.seconds)
            bench.behave(failing=FAILING)
            failing.append((bench.counted_for(bench.seconds), rate))
            bench.behave()
            served.pause()
            plain.append((rate, bare(bench, clients=PER_DESTINATION, seconds=bench.seconds)))
            served.resume()
    value, base, ratio = of_rounds(plain)
    errors, without, kept = of_rounds(failing)
    return [
        Figure(SECTION, "delivered from a full queue", value, "/s", "bare client", base, ratio, 0.7),
        Figure(SECTION, f"attempted, {FAILING:.0%} of the answers errors", errors, "/s", "no errors", without, kept),
    ]


def bare(bench: Bench, *, clients: int, seconds: float) -> float:
    """
    Returns the signed requests a second of an aiohttp client that does nothing else.

    Their body is the last webhook's.
    """
    job = Job("bare", bench.hook("bare"), seconds, clients=clients, body=bench.last_body() or "{}")
    return bench.load(job).rate


def round_trip_ms(bench: Bench, *, seconds: float) -> float:
    """Returns the receiver's round trip in ms, with one request at a time."""
    job = Job("bare", bench.hook("bare"), seconds, clients=1, body=bench.last_body() or "{}")
    return median(bench.load(job).took) * 1000
