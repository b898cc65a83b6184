"""Servers as processes on loopback, for the demo and for the benchmark."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

#: seconds for a process to become ready, and to end
START_S = 30.0
STOP_S = 15.0
#: the wheel's copy of the simulator; a checkout has greenroom-sandbox installed instead
SIMULATOR = Path(__file__).parent / "simulator"


class ProcessFailed(Exception):
    """A process ended or did not become ready; the message has the end of its log."""


def has_simulator() -> bool:
    """Returns whether the simulator is installed, or in this package."""
    return find_spec("greenroom_sandbox") is not None or SIMULATOR.is_dir()


@dataclass(frozen=True)
class Ports:
    """The port of each server."""

    gateway: int
    sandbox: int
    vendor: int


def choose_port(wanted: int | None, default: int) -> int:
    """
    Returns a free port of 127.0.0.1.

    `wanted` is the port that must be free (0: any); with None it is the default, or any other when that is taken.

    Raises:
        ProcessFailed: the wanted port is taken.
    """
    if wanted is None:
        return first_free((default, 0))
    try:
        return first_free((wanted,))
    except ProcessFailed:
        raise ProcessFailed(f"Port {wanted} of 127.0.0.1 is taken. Choose another, or 0 for a free one.") from None


def first_free(ports: Iterable[int]) -> int:
    """
    Returns the first of these ports of 127.0.0.1 that is free; 0 stands for any.

    Raises:
        ProcessFailed: all are taken.
    """
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ProcessFailed("There is no free port on 127.0.0.1.")


@dataclass
class Processes:
    """
    Starts processes, and stops all of them at the end of the block.

    Their logs are in a temporary directory, which is deleted then.
    """

    ports: Ports = Ports(gateway=8000, sandbox=8100, vendor=8200)
    prefix: str = "greenroom-demo-"
    directory: Path = field(init=False)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _temporary: tempfile.TemporaryDirectory[str] = field(init=False)

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix=self.prefix)
        self.directory = Path(self._temporary.name)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for process in reversed(self._running.values()):
            _end(process)
        for process in self._running.values():
            _await(process)
        self._temporary.cleanup()

    @property
    def data_dir(self) -> Path:
        """Returns the gateway's data directory, which is deleted at the end."""
        return self.directory / "gateway"

    def environment(self) -> dict[str, str]:
        """
        Returns the environment of the demo's gateway.

        It has a data directory of its own, may reach loopback, and gets no Greenroom setting from outside. An installed
        simulator comes before the wheel's copy.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
        if find_spec("greenroom_sandbox") is None:
            kept["PYTHONPATH"] = os.pathsep.join(filter(None, (kept.get("PYTHONPATH"), str(SIMULATOR))))
        return {
            **kept,
            "GREENROOM_DATA_DIR": str(self.data_dir),
            "GREENROOM_PUBLIC_URL": f"http://127.0.0.1:{self.ports.gateway}",
            "GREENROOM_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
            "GREENROOM_ALLOW_HTTP": "true",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, name: str, *arguments: str, ready: str, extra: dict[str, str] | None = None) -> None:
        """
        Starts `python -m …`, and returns once its log has the line `ready`.

        A process that is started again under the same name goes on with the log.

        Raises:
            ProcessFailed: the process ended, or did not become ready in time.
        """
        earlier = len(self.log(name))
        log = (self.directory / f"{name}.log").open("ab")
        self._running[name] = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=self.environment() | (extra or {}),
            start_new_session=True,  # Ctrl-C must not reach it: processes are stopped in order
        )
        log.close()
        until = time.monotonic() + START_S
        while ready not in self.log(name)[earlier:]:
            self.check()
            if time.monotonic() > until:
                raise ProcessFailed(f"{name} did not get ready.\n{self.log(name)[-2000:]}")
            threading.Event().wait(0.05)

    def run(self, *arguments: str) -> str:
        """
        Runs `python -m …` to its end, and returns its output.

        Raises:
            ProcessFailed: the command failed.
        """
        done = subprocess.run(
            [sys.executable, "-m", *arguments], capture_output=True, text=True, env=self.environment(), check=False
        )
        if done.returncode:
            raise ProcessFailed(f"{' '.join(arguments)} failed.\n{done.stderr[-2000:]}")
        return done.stdout.strip()

    def stop(self, name: str) -> None:
        """Stops one process and waits for its end; does nothing for an unknown name."""
        process = self._running.pop(name, None)
        if process is not None:
            _end(process)
            _await(process)

    def kill(self, name: str) -> None:
        """Kills one process with -9."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a signal to one process."""
        self._running[name].send_signal(number)

    def pid(self, name: str) -> int:
        """Returns the id of one process."""
        return self._running[name].pid

    def check(self) -> None:
        """
        Raises an error when a process has ended.

        Raises:
            ProcessFailed: a process has ended; with the end of its log.
        """
        for name, process in self._running.items():
            if process.poll() is not None:
                raise ProcessFailed(f"{name} ended with {process.returncode}.\n{self.log(name)[-2000:]}")

    def log(self, name: str) -> str:
        """Returns the output of a process so far."""
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.send_signal(signal.SIGCONT)  # a suspended process reacts to no other signal


def _await(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def new_secret() -> str:
    """Returns a random credential for the demo."""
    return secrets.token_urlsafe(24)
