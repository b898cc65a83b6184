"""Several processes that serve on one port, kept at that number until they are stopped."""

from __future__ import annotations

import multiprocessing
import signal
import socket
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from typing import Any

import structlog

from greenroom.settings import Settings

log = structlog.get_logger("greenroom")

#: each starts afresh: what one process has opened is not for two
_SPAWN = multiprocessing.get_context("spawn")
#: how late the first that serves is noticed
POLL_S = 0.2
#: between the end of a process and the start of another in its place
AGAIN_S = 1.0


class Team:
    """
    So many processes, each running `serve(settings, listener, ready)`, which sets `ready` once it serves.

    One that ends is replaced, but if none was ever ready. They stop with this process, however it ends. `listener` is
    theirs alone from the moment of the stop.
    """

    def __init__(
        self,
        count: int,
        serve: Callable[[Settings, socket.socket, Event], None],
        settings: Settings,
        listener: socket.socket,
    ) -> None:
        self._count = count
        self._serve = serve
        self._settings = settings
        self._listener = listener
        self._ready: Event = _SPAWN.Event()
        self._stopping, self._stop = _SPAWN.Pipe(duplex=False)

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until SIGTERM or SIGINT; the exit status. `on_ready` is called when the first of them serves."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.send_bytes(b"stop"))
        told = False
        team = [self._start() for _ in range(self._count)]
        while not self._stopping.poll():
            if not told and self._ready.is_set():
                told = True
                on_ready()
            wait([self._stopping, *(one.sentinel for one in team)], timeout=POLL_S)
            ended = [one for one in team if not one.is_alive()]
            if ended and not self._ready.is_set():
                break
            for one in ended:
                log.error("process_ended", pid=one.pid, exit_status=one.exitcode, next_start_s=AGAIN_S)
                if not self._stopping.poll(AGAIN_S):
                    team[team.index(one)] = self._start()
        # they let in who has connected, and close it: kept open here, it would take in more for nobody
        self._listener.close()
        for one in team:
            if one.is_alive():
                one.terminate()
        for one in team:
            one.join()
        # one that was still starting had nobody to heed the signal
        return int(not self._ready.is_set() or any(one.exitcode not in (0, -signal.SIGTERM) for one in team))

    def _start(self) -> Any:
        process = _SPAWN.Process(target=self._serve, args=(self._settings, self._listener, self._ready))
        process.start()
        return process
