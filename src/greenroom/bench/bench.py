"""What every section measures with: the receiver, the load, the rounds."""

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

#: how long a section waits for what must come before it gives up
PATIENCE_S = 60.0
POLL_S = 0.01
#: a rate of fewer deliveries than this would be chance
FEWEST = 50


class BenchFailed(Exception):
    """The run itself failed, so that its figures would mean nothing; the message says where."""


@dataclass(frozen=True)
class Bench:
    """
    One run of the benchmark.

    `server` is the PostgreSQL server, None for SQLite. Each thing is measured for `seconds`, `rounds` times, in turn
    with what it is compared to. `scale` shortens the queues of growth, `full` adds the longest.
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
        """Where files may be left until the end."""
        return self.processes.directory

    def hook(self, name: str) -> str:
        """The URL of a webhook at the receiver."""
        return f"{self.receiver}/{name}"

    def installation(self, name: str, **how: int) -> AbstractContextManager[gateway.Installation]:
        """See `gateway.installation`."""
        return gateway.installation(self.processes, name, self.server, **how)

    def load(self, job: Job, *, overload: bool = False) -> Load:
        """
        Run a job in the load's process; `overload` may be more than the gateway takes.

        Raises:
            BenchFailed: nothing was answered with 200, or without `overload`, not everything.
        """
        load = Load.from_json(Client(self.generator).call("POST", "/", asdict(job)))
        self.processes.check()
        if (load.failed and not overload) or not load.done:
            raise BenchFailed(
                f"{load.failed} of {load.done + load.failed} requests to {job.url} were not answered 200."
            )
        return load

    def behave(self, **how: Any) -> None:
        """Tell the receiver how to behave from now on; see `receiver.Receiver`."""
        self._ask("behave", how)

    def counted(self) -> tuple[int, float]:
        """How many webhooks have been answered so far, and the monotonic time at which that was so."""
        answer = self._ask("count")
        return answer["answered"], answer["at"]

    def remembered(self) -> int:
        """How many different webhooks have been answered since `behave(remembering=True)`."""
        return int(self._ask("count")["remembered"])

    def arrivals(self) -> list[tuple[str, int, float]]:
        """Path, order's number and monotonic time of every webhook since `behave(watching=True)`."""
        return [(path, number, at) for path, number, at in self._ask("arrivals")]

    def last_body(self) -> str:
        """The last webhook's body."""
        return str(self._ask("last")["body"])

    def _ask(self, call: str, body: Any = None) -> Any:
        return Client(self.receiver).call("POST", f"/control/{call}", body)

    def until_counted(self, count: int) -> float:
        """
        Wait until so many webhooks have been answered; the monotonic time at which they had.

        Raises:
            BenchFailed: nothing has come for too long.
        """
        return self._until("answered", count)

    def until_remembered(self, count: int) -> float:
        """
        `until_counted` for different webhooks since `behave(remembering=True)`.

        Raises:
            BenchFailed: nothing has come for too long.
        """
        return self._until("remembered", count)

    def until_held(self, count: int) -> float:
        """
        `until_counted` for webhooks that hang at the same time.

        Raises:
            BenchFailed: nothing has come for too long.
        """
        return self._until("held", count)

    def _until(self, what: str, count: int) -> float:
        seen, patience = -1, time.monotonic() + PATIENCE_S
        while True:
            found = self._ask("count")
            if found[what] >= count:
                return float(found["at"])
            if found[what] > seen:
                seen, patience = found[what], time.monotonic() + PATIENCE_S
            if time.monotonic() > patience:
                raise BenchFailed(f"{count - found[what]} more deliveries have not come within {PATIENCE_S:.0f} s.")
            self.processes.check()
            pause(POLL_S)

    def counted_for(self, seconds: float) -> float:
        """
        Webhooks a second over the next seconds, from one that comes on; longer, where so few came that chance decided.

        Raises:
            BenchFailed: nothing more has come for too long: the queue has run dry.
        """
        self.until_counted(self.counted()[0] + 1)
        before, began = self.counted()
        pause(seconds)
        self.until_counted(before + FEWEST)
        after, ended = self.counted()
        return (after - before) / (ended - began)


def pause(seconds: float) -> None:
    """Wait; nothing happens here meanwhile."""
    threading.Event().wait(seconds)


def started(
    processes: Processes, name: str, ready: str, *, module: str | None = None, extra: dict[str, str] | None = None
) -> str:
    """Start `greenroom.bench.<name>`, or `module` under this name; its URL."""
    port = first_free((0,))
    processes.start(name, f"greenroom.bench.{module or name}", "--port", str(port), ready=ready, extra=extra)
    return f"http://127.0.0.1:{port}"


def in_turn(rounds: int, measure: Callable[[bool], list[float]]) -> list[tuple[list[float], list[float]]]:
    """What `measure` gives with a disturbance and without, in each round; which comes first changes every time."""
    pairs = []
    for number in range(rounds):
        measured = {disturbed: measure(disturbed) for disturbed in ((False, True) if number % 2 else (True, False))}
        pairs.append((measured[True], measured[False]))
    return pairs


def percentile_of_rounds(pairs: list[tuple[list[float], list[float]]], share: float) -> tuple[float, float, float]:
    """`of_rounds` for a percentile of what was measured in each."""
    return of_rounds([(percentile(one, share), percentile(other, share)) for one, other in pairs])


def of_rounds(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Medians over rounds: the figure, what it is measured against, and the rounds' own ratios."""
    values, bases = zip(*pairs, strict=True)
    return median(values), median(bases), median(value / base for value, base in pairs)
