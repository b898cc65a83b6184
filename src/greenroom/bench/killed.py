"""
A worker that is killed again and again.

The figures are the rate, whether every delivery arrives, and how many arrive twice.
"""

from __future__ import annotations

import time

from greenroom.bench.bench import FEWEST, Bench, BenchFailed, pause
from greenroom.bench.deliver import bare
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Gateway, Installation
from greenroom.model.deliveries import PER_DESTINATION

SECTION = "killed"
#: seconds between two kills, at a scale of 1
EVERY_S = 10.0
KILLS = 2
#: deliveries a second that no machine reaches, so that the queue lasts until the last kill
QUICK_PER_S = 7000.0
DESTINATIONS = 16
#: workers that share the queue on PostgreSQL; SQLite has one process
WORKERS = 2


def killed(bench: Bench) -> list[Figure]:
    """
    Measures deliveries while every ten seconds a worker is killed and restarted.

    The rate is compared to that without kills. Then all of the queue has to be delivered; on PostgreSQL that includes
    the killed worker's deliveries, once their leases have expired.
    """
    every_s = EVERY_S * bench.scale
    with bench.installation("killed") as installed:
        hooks = [bench.hook(f"killed-{number}") for number in range(DESTINATIONS)]
        customer = installed.customer("killed", hooks)
        count = WORKERS if bench.server else 1
        start_s = _start_s(bench, installed)
        # the first worker delivers while the others start; on a slow machine a restart takes longer than the interval
        lasts_s = (count - 1) * start_s + KILLS * (every_s + max(every_s, start_s + every_s / 2))
        # workers deliver less than a client that only sends, on a slow machine much less
        bare_per_s = bare(bench, clients=PER_DESTINATION, seconds=bench.seconds)
        queued = int(min(QUICK_PER_S, bare_per_s) * (lasts_s + 2))  # a busy machine measures longer
        bench.say(f"queueing {queued:,} deliveries")
        installed.queue(customer, customer.webhook_ids, queued)
        bench.behave(remembering=True)
        before, _ = bench.counted()
        workers = [_started(bench, installed, number) for number in range(count)]
        bench.until_counted(before + FEWEST)
        undisturbed = bench.counted_for(KILLS * every_s)
        rate = _while_killed(bench, installed, workers, every_s)
        if bench.remembered() >= queued:
            raise BenchFailed("The queue ran dry before the last kill.")
        bench.say("waiting for all of it")
        bench.until_remembered(queued)
        while not installed.is_drained(customer):  # deliveries that arrived but were not recorded are repeated
            bench.processes.check()
            pause(1.0)
        requests = bench.counted()[0] - before
        arrived = bench.remembered()
    name = f"delivered, a worker killed every {every_s:g} s"
    return [
        Figure(SECTION, name, rate, "/s", "none killed", undisturbed, rate / undisturbed),
        Figure(SECTION, "arrived", arrived, "deliveries", "queued", queued, arrived / queued, 1.0),
        Figure(SECTION, f"requests, {KILLS} kills", requests, "requests", "arrived", arrived, requests / arrived),
    ]


def _started(bench: Bench, installed: Installation, number: int) -> Gateway:
    return installed.work(number) if bench.server else installed.serve()


def _start_s(bench: Bench, installed: Installation) -> float:
    """Returns the seconds that a worker takes to start on an idle machine."""
    began = time.monotonic()
    worker = _started(bench, installed, 0)
    took_s = time.monotonic() - began
    worker.kill()
    return took_s


def _while_killed(bench: Bench, installed: Installation, workers: list[Gateway], every_s: float) -> float:
    """
    Returns the deliveries a second over all kills.

    A killed worker is started again at once, as a supervisor would.
    """
    before, began = bench.counted()
    for kill in range(KILLS):
        number = kill % len(workers)
        workers[number].kill()
        workers[number] = _started(bench, installed, number)
        # on a slow machine the restart may end only when the next kill is due
        pause(max(began + (kill + 1) * every_s - time.monotonic(), every_s / 2))
    after, ended = bench.counted()
    return (after - before) / (ended - began)
