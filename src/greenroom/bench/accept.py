"""Accepting orders: alone, against a null store, and with delivery in the same process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from greenroom.bench.bench import Bench, of_rounds, started
from greenroom.bench.cost import cpu_s, memory_mib
from greenroom.bench.figures import Figure
from greenroom.bench.gateway import Customer, Gateway
from greenroom.bench.load import Job, Load

#: requests in flight at the same time: with half as many, a gateway on PostgreSQL is often idle, waiting for the group
#: commit in flight
CLIENTS = 64
SECTION = "accept"


@dataclass
class _Rounds:
    """Pairs of a figure and its base, one for each round."""

    alone: list[tuple[float, float]] = field(default_factory=list)
    both: list[tuple[float, float]] = field(default_factory=list)
    cpu: list[tuple[float, float]] = field(default_factory=list)
    cpu_both: list[tuple[float, float]] = field(default_factory=list)


def accept(bench: Bench) -> list[Figure]:
    """
    Measures accepting orders, alone and while delivering.

    Orders accepted a second over the null store's, CPU and memory; and orders both accepted and delivered a second over
    orders only accepted.
    """
    rounds = _Rounds()
    with bench.installation("accept") as installed:
        quiet = installed.customer("quiet", [bench.hook("quiet")], enabled=False)
        active = installed.customer("active", [bench.hook("active")])
        served = installed.serve()
        null = started(bench.processes, "null", "Null server is ready", extra=served.environment)
        for base in (served.url, null):
            orders(bench, served.send_test_url(quiet, base), quiet, seconds=0.3)
        for _ in range(bench.rounds):
            _round(bench, served, null, (quiet, active), rounds)
        memory = memory_mib(served.pid)
        bench.processes.stop("null")
    return [*_rates(bench, rounds), *_costs(rounds, memory)]


def _round(bench: Bench, served: Gateway, null: str, customers: tuple[Customer, Customer], rounds: _Rounds) -> None:
    quiet, active = customers
    with _cpu(served.pid) as alone:
        load = orders(bench, served.send_test_url(quiet), quiet, seconds=bench.seconds)
    with _cpu(bench.processes.pid("null")) as nothing:
        base = orders(bench, served.send_test_url(quiet, null), quiet, seconds=bench.seconds)
    with _cpu(served.pid) as both:
        rate, count = accepted_and_delivered(bench, served, active, seconds=bench.seconds)
    rounds.alone.append((load.rate, base.rate))
    rounds.both.append((rate, load.rate))
    if alone and nothing and both:
        rounds.cpu.append((alone[0] / load.done, nothing[0] / base.done))
        rounds.cpu_both.append((both[0] / count, alone[0] / load.done))


@contextmanager
def _cpu(pid: int) -> Iterator[list[float]]:
    """
    Measures the CPU milliseconds of a process over the block.

    They are in the list once the block has ended; without /proc it stays empty.
    """
    used: list[float] = []
    before = cpu_s(pid)
    yield used
    after = cpu_s(pid)
    if before is not None and after is not None:
        used.append((after - before) * 1000)


def orders(bench: Bench, url: str, customer: Customer, *, seconds: float) -> Load:
    """
    Places as many orders as `CLIENTS` can.

    Each client sends the next order after the answer to the last.
    """
    return bench.load(Job("closed", url, seconds, clients=CLIENTS, token=customer.token))


def accepted_and_delivered(bench: Bench, served: Gateway, customer: Customer, *, seconds: float) -> tuple[float, int]:
    """
    Returns the rate and the number of orders that were accepted and delivered.

    The rate is orders a second, from the first request to the last arrival at a webhook.
    """
    before, _ = bench.counted()
    load = orders(bench, served.send_test_url(customer), customer, seconds=seconds)
    count = load.done + 1  # the first request, which opened the connection, is not in `done`
    ended = bench.until_counted(before + count * len(customer.webhook_ids))
    return count / (ended - load.started), count


def sustained(bench: Bench, served: Gateway, customer: Customer) -> float:
    """Returns the orders a second that a warm gateway accepts and delivers."""
    accepted_and_delivered(bench, served, customer, seconds=0.3)
    rate, _ = accepted_and_delivered(bench, served, customer, seconds=bench.seconds)
    return rate


def _rates(bench: Bench, rounds: _Rounds) -> list[Figure]:
    value, base, ratio = of_rounds(rounds.alone)
    bar = 0.8 if bench.server else 0.6
    accepted = Figure(SECTION, "accepted, on disk", value, "orders/s", "null store", base, ratio, bar)
    value, base, ratio = of_rounds(rounds.both)
    return [accepted, Figure(SECTION, "accepted and delivered", value, "orders/s", "accepting alone", base, ratio, 0.5)]


def _costs(rounds: _Rounds, memory: float | None) -> list[Figure]:
    if memory is None or not rounds.cpu:
        return []
    alone, null, ratio = of_rounds(rounds.cpu)
    both, before, more = of_rounds(rounds.cpu_both)
    return [
        Figure(SECTION, "CPU, accepting", alone, "ms/order", "null store", null, ratio),
        Figure(SECTION, "CPU, accepting and delivering", both, "ms/order", "accepting alone", before, more),
        Figure(SECTION, "memory at its peak", memory, "MiB"),
    ]
