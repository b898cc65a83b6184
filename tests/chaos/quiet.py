"""A check that a process without a database logs little and uses little processor time."""

from __future__ import annotations

import time

from tests.chaos.processes import Process

#: log lines a second at most, besides a few at the beginning and the end of the outage
LINES_A_SECOND = 5


class Quiet:
    """A measurement of a process's log lines and processor time during an outage."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._from, self._began, self._used = process.size(), time.monotonic(), process.processor_s()

    def check(self) -> None:
        lines = [line for line in self._process.lines(self._from) if " attempt " not in line]
        seconds = time.monotonic() - self._began
        assert len(lines) < LINES_A_SECOND * seconds + 10, "\n".join(lines[:50])
        assert not [line for line in lines if "Traceback" in line], "\n".join(lines[-60:])
        if not self._process.url:  # a worker gets no requests
            assert self._process.processor_s() - self._used < seconds / 2, "a busy loop"
