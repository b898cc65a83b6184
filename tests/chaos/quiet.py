"""Whether a process keeps calm while it can do nothing."""

from __future__ import annotations

import time

from tests.chaos.processes import Process

#: what a process may say about it in a second, beside a few words at its beginning and its end
LINES_A_SECOND = 5


class Quiet:
    """Watches that a process says little, and does little, while it can do nothing."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._from, self._began, self._used = process.size(), time.monotonic(), process.processor_s()

    def check(self) -> None:
        lines = [line for line in self._process.lines(self._from) if " attempt " not in line]
        seconds = time.monotonic() - self._began
        assert len(lines) < LINES_A_SECOND * seconds + 10, "\n".join(lines[:50])
        assert not [line for line in lines if "Traceback" in line], "\n".join(lines[-60:])
        if not self._process.url:  # a worker has nothing to do at all
            assert self._process.processor_s() - self._used < seconds / 2, "a busy loop"
