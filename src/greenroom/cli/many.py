"""The worker processes of `serve --workers`: they share one port and are replaced when they end."""

from __future__ import annotations

import multiprocessing
import signal
import socket
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from multiprocessing.synchronize import Event
from typing import Any

import structlog

from greenroom.settings import Settings

log = structlog.get_logger("greenroom")

#: a new interpreter per process, since forked processes would share open connections and files
_SPAWN = multiprocessing.get_context("spawn")
#: seconds between two checks whether a process is ready
POLL_S = 0.2
#: seconds between the end of a process and the start of its replacement
AGAIN_S = 1.0


class WorkerProcesses:
    """
    A fixed number of processes that each run `serve(settings, listener, ready)`, each with its own settings.

    `serve` sets `ready` once it accepts requests. A process that ends is replaced, unless no process was ever ready.
    All of them stop when this process ends, in whatever way. When stopping, this process closes its copy of `listener`,
    and the workers drain theirs.
    """

    def __init__(
        self,
        serve: Callable[[Settings, socket.socket, Event], None],
        settings: Sequence[Settings],
        listener: socket.socket,
    ) -> None:
        self._serve = serve
        self._settings = settings
        self._listener = listener
        self._ready: Event = _SPAWN.Event()
        self._stopping, self._stop = _SPAWN.Pipe(duplex=False)

    def run(self, on_ready: Callable[[], None]) -> int:
        """
        Runs the processes until SIGTERM or SIGINT and returns the exit status.

        `on_ready` is called once, when the first process accepts requests.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.send_bytes(b"stop"))
        was_ready = False
        team = [self._start(settings) for settings in self._settings]
        while not self._stopping.poll():
            if not was_ready and self._ready.is_set():
                was_ready = True
                on_ready()
            wait([self._stopping, *(one.sentinel for one in team)], timeout=POLL_S)
            ended = [one for one in team if not one.is_alive()]
            if ended and not self._ready.is_set():
                break
            for one in ended:
                log.error("process_ended", pid=one.pid, exit_status=one.exitcode, next_start_s=AGAIN_S)
                if not self._stopping.poll(AGAIN_S):
                    place = team.index(one)
                    team[place] = self._start(self._settings[place])
        # the workers accept the pending connections and close the port; an open copy here would queue new ones forever
        self._listener.close()
        for one in team:
            if one.is_alive():
                one.terminate()
        for one in team:
            one.join()
        # a process that was still starting has no handler yet and ends by SIGTERM itself
        return int(not self._ready.is_set() or any(one.exitcode not in (0, -signal.SIGTERM) for one in team))

    def _start(self, settings: Settings) -> Any:
        process = _SPAWN.Process(target=self._serve, args=(settings, self._listener, self._ready))
        process.start()
        return process
