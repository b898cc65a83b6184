"""The tools of every section: the receiver, the load, the rounds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from greenroom.bench import gateway
from greenroom.bench.arithmetic import percentile
from greenroom.bench.load import Job, Load
from greenroom.demo.client import Client
from greenroom.demo.processes import Processes, first_free

#: seconds without a delivery after which a section fails
PATIENCE_S = 60.0
POLL_S = 0.01
#: deliveries that a rate is measured over, at least: fewer would be chance
FEWEST = 50


class BenchFailed(Exception):
    """The run itself failed, so its figures would mean nothing; the message says where."""


@dataclass(frozen=True)
class Bench:
    """
    One run of the benchmark.

    `server` is the PostgreSQL server, None for SQLite. Each figure is measured for `seconds`, `rounds` times, in turn
    with its base. `scale` shortens the queues of `growth`, `full` adds the longest.
    """

    processes: Processes
    server: str | None
    seconds: float
    rounds: int
    scale: float
    full: bool
    say: Callable[[str], None]
    receiver: str
    generator: str

    @property
    def directory(self) -> Path:
        """Returns the directory for files that may stay until the end of the run."""
        return self.processes.directory

    def hook(self, name: str) -> str:
        """Returns the URL of a webhook at the receiver."""
        return f"{self.receiver}/{name}"

    def installation(self, name: str, **how: int) -> AbstractContextManager[gateway.Installation]:
        """Opens a `gateway.installation` of this run."""
        return gateway.installation(self.processes, name, self.server, **how)

    def load(self, job: Job, *, overload: bool = False) -> Load:
        """
        Runs a job in the load process; `overload` permits refused requests.

        Raises:
            BenchFailed: no request was answered with 200, or without `overload`, not every request.
        """
        load = Load.from_json(Client(self.generator).call("POST", "/", asdict(job)))
        self.processes.check()
        if (load.failed and not overload) or not load.done:
            raise BenchFailed(
                f"{load.failed} of {load.done + load.failed} requests to {job.url} were not answered 200."
            )
        return load

    def behave(self, **how: Any) -> None:
        """Sets the receiver's behaviour from now on; see `receiver.Receiver`."""
        self._ask("behave", how)

    def counted(self) -> tuple[int, float]:
        """Returns the number of answered webhooks, and the monotonic time of the count."""
        answer = self._ask("count")
        return answer["answered"], answer["at"]

    def remembered(self) -> int:
        """Returns the number of different webhooks since `behave(remembering=True)`."""
        return int(self._ask("count")["remembered"])

    def arrivals(self) -> list[tuple[str, int, float]]:
        """
        Returns path, order number and monotonic time of every recorded webhook.

        Webhooks are recorded since `behave(watching=True)`.
        """
        return [(path, number, at) for path, number, at in self._ask("arrivals")]

    def last_body(self) -> str:
        """Returns the last webhook's body."""
        return str(self._ask("last")["body"])

    def _ask(self, call: str, body: Any = None) -> Any:
        return Client(self.receiver).call("POST", f"/control/{call}", body)

    def until_counted(self, count: int) -> float:
        """
        Waits until `count` webhooks have been answered; returns the monotonic time.

        Raises:
            BenchFailed: no webhook has arrived for too long.
        """
        return self._until("answered", count)

    def until_remembered(self, count: int) -> float:
        """
        Does what `until_counted` does, for different webhooks.

        They are counted since `behave(remembering=True)`.

        Raises:
            BenchFailed: no webhook has arrived for too long.
        """
        return self._until("remembered", count)

    def until_held(self, count: int) -> float:
        """
        Does what `until_counted` does, for webhooks that hang at the same time.

        Raises:
            BenchFailed: no webhook has arrived for too long.
        """
        return self._until("held", count)

    def _until(self, counter: str, count: int) -> float:
        seen, patience = -1, time.monotonic() + PATIENCE_S
        while True:
            found = self._ask("count")
            if found[counter] >= count:
                return float(found["at"])
            if found[counter] > seen:
                seen, patience = found[counter], time.monotonic() + PATIENCE_S
            if time.monotonic() > patience:
                raise BenchFailed(f"{count - found[counter]} more deliveries have not come within {PATIENCE_S:.0f} s.")
            self.processes.check()
            pause(POLL_S)

    def counted_for(self, seconds: float) -> float:
        """
        Returns the webhooks a second over the next seconds, beginning with an arrival.

        Measures longer when fewer than `FEWEST` webhooks arrive.

        Raises:
            BenchFailed: no webhook has arrived for too long: the queue is empty.
        """
        self.until_counted(self.counted()[0] + 1)
        before, began = self.counted()
        pause(seconds)
        self.until_counted(before + FEWEST)
        after, ended = self.counted()
        return (after - before) / (ended - began)


def pause(seconds: float) -> None:
    """Sleeps."""
    threading.Event().wait(seconds)


def started(
    processes: Processes, name: str, ready: str, *, module: str | None = None, extra: dict[str, str] | None = None
) -> str:
    """Starts `greenroom.bench.<name>`, or `module` under this name; returns its URL."""
    port = first_free((0,))
    processes.start(name, f"greenroom.bench.{module or name}", "--port", str(port), ready=ready, extra=extra)
    return f"http://127.0.0.1:{port}"


def in_turn(rounds: int, measure: Callable[[bool], list[float]]) -> list[tuple[list[float], list[float]]]:
    """
    Measures with a disturbance and without, in each round.

    The order of the two changes with every round.
    """
    pairs = []
    for number in range(rounds):
        measured = {disturbed: measure(disturbed) for disturbed in ((False, True) if number % 2 else (True, False))}
        pairs.append((measured[True], measured[False]))
    return pairs


def percentile_of_rounds(pairs: list[tuple[list[float], list[float]]], share: float) -> tuple[float, float, float]:
    """Returns `of_rounds` for a percentile of each round's measurements."""
    return of_rounds([(percentile(one, share), percentile(other, share)) for one, other in pairs])


def of_rounds(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Returns medians over rounds: of the figures, of their bases, and of their ratios."""
    values, bases = zip(*pairs, strict=True)
    return median(values), median(bases), median(value / base for value, base in pairs)
