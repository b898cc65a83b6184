"""Several processes that serve on one port, kept at that number until they are stopped."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from typing import Any

import structlog

log = structlog.get_logger("greenroom")

#: each starts afresh: what one process has opened is not for two
_SPAWN = multiprocessing.get_context("spawn")
#: how late a signal is heeded
POLL_S = 0.2
#: between the end of a process and the start of another in its place
AGAIN_S = 1.0


class Team:
    """
    So many processes, each running `serve(*arguments, ready)`, which sets `ready` once it serves.

    One that ends is replaced, but if none was ever ready. They stop with this process, however it ends.
    """

    def __init__(self, count: int, serve: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self._count = count
        self._serve = serve
        self._arguments = arguments
        self._ready: Event = _SPAWN.Event()
        self._stopping = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until SIGTERM or SIGINT; the exit status. `on_ready` is called when the first of them serves."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stopping.set())
        told = False
        team = [self._start() for _ in range(self._count)]
        while not self._stopping.is_set():
            if not told and self._ready.is_set():
                told = True
                on_ready()
            wait([one.sentinel for one in team], timeout=POLL_S)
            ended = [one for one in team if not one.is_alive()]
            if ended and not self._ready.is_set():
                break
            for one in ended:
                log.error("process_ended", pid=one.pid, exit_status=one.exitcode, next_start_s=AGAIN_S)
                if not self._stopping.wait(AGAIN_S):
                    team[team.index(one)] = self._start()
        for one in team:
            if one.is_alive():
                one.terminate()
        for one in team:
            one.join()
        # one that was still starting had nobody to heed the signal
        return int(not self._ready.is_set() or any(one.exitcode not in (0, -signal.SIGTERM) for one in team))

    def _start(self) -> Any:
        process = _SPAWN.Process(target=self._serve, args=(*self._arguments, self._ready))
        process.start()
        return process
