"""Draining a queue, against a bare client that posts the same to the same receiver."""

from __future__ import annotations

from statistics import median

from greenroom.bench.bench import Bench, of_rounds
from greenroom.bench.figures import Figure
from greenroom.bench.load import Job
from greenroom.model.deliveries import PER_DESTINATION

SECTION = "deliver"
#: a queue that no engine here empties within the run
QUEUED_PER_S = 6000
#: the share of answers that are errors, in the rounds with errors
FAILING = 0.1


def deliver(bench: Bench) -> list[Figure]:
    """
    Deliveries a second from a queue that was full before, over the bare client's requests; and attempts a second when
    a tenth of the answers are errors, over those without.
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
    """Signed requests a second of an aiohttp client that does nothing else, with the last webhook's body."""
    job = Job("bare", bench.hook("bare"), seconds, clients=clients, body=bench.last_body() or "{}")
    return bench.load(job).rate


def round_trip_ms(bench: Bench, *, seconds: float) -> float:
    """The receiver's own round trip with one request at a time."""
    job = Job("bare", bench.hook("bare"), seconds, clients=1, body=bench.last_body() or "{}")
    return median(bench.load(job).took) * 1000
