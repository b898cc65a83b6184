"""`serve --workers`: starting and stopping several processes on one port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.house import basic
from tests.support import stem
from tests.support.postgres import Postgres
from tests.support.processes import address, environment, state

pytestmark = pytest.mark.postgres

COMMAND = [sys.executable, "-m", "greenroom", "serve", "--workers", "2", "--port", "0"]


@dataclass
class WorkerProcesses:
    """The started process, the log of it and its workers, and their address."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    @property
    def workers(self) -> list[int]:
        """Returns the process ids of the workers."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]

    def lines(self, word: str) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if line.startswith(word)]

    def answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/readyz").status_code == 200
        except httpx2.TransportError:
            return False


def until(what: Callable[[], object]) -> None:
    """Waits up to a minute for a condition."""
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def serving(database_url: str, data: Path) -> Iterator[WorkerProcesses]:
    """Runs two workers."""
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(
            COMMAND, env=environment(database_url, data), stdout=log, stderr=log, start_new_session=True
        )
        team = WorkerProcesses(process, data / "log")
        try:
            until(lambda: team.lines("Greenroom:") or process.poll() is not None)
            team.url = team.lines("Greenroom:")[0].split()[1]
            yield team
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_serve_and_stop_together(postgres: Postgres, migrated: str, tmp_path: Path, number: signal.Signals) -> None:
    """Two workers have one address, one link and one exit status; a killed worker is replaced."""
    with serving(postgres.create_database(migrated), tmp_path) as team:
        until(lambda: team.lines("Sign in:"))
        (link,) = team.lines("Sign in:")
        assert link.split()[2].startswith(f"{team.url}/sign-in/")
        before = team.workers
        assert len(before) == 2
        assert team.answers()

        os.kill(before[0], signal.SIGKILL)
        until(lambda: set(team.workers) - set(before))
        assert before[1] in team.workers
        until(team.answers)

        team.process.send_signal(number)
        assert team.process.wait(60) == 0
    assert not team.answers()
    assert "Traceback" not in team.log.read_text()
    assert len(team.lines("Greenroom:")) == 1


def test_at_a_stop_nobody_is_let_in_whom_nobody_will_answer(postgres: Postgres, migrated: str, tmp_path: Path) -> None:
    """The parent process closes the port with its workers, and a request in flight is answered."""
    database_url = postgres.create_database(migrated)
    with serving(database_url, tmp_path) as team:
        made = stem.greenroom("keys", "create", "--name", "k", environment=environment(database_url, tmp_path))
        key = made.stdout.strip()
        with socket.create_connection(address(team.url), timeout=60) as client:
            client.sendall(
                f"POST /v1/webhooks HTTP/1.1\r\nhost: h\r\nauthorization: {basic(key)}\r\n"
                "content-length: 1\r\nexpect: 100-continue\r\n\r\n".encode()
            )
            assert client.recv(100).startswith(b"HTTP/1.1 100")
            team.process.send_signal(signal.SIGTERM)
            until(lambda: _refuses(address(team.url)))
            client.sendall(b"x")
            assert client.recv(100).startswith(
                b"HTTP/1.1 400"
            )  # the application's answer, although the shutdown has begun
        assert team.process.wait(60) == 0


def test_workers_do_not_outlive_the_process_that_started_them(
    postgres: Postgres, migrated: str, tmp_path: Path
) -> None:
    """After `kill -9` of the parent process, which sends no signal, the workers stop."""
    with serving(postgres.create_database(migrated), tmp_path) as team:
        workers = team.workers
        team.process.kill()
        until(lambda: not any(map(_runs, workers)))
    assert not team.answers()


def test_a_failed_start_ends_the_command(postgres: Postgres, tmp_path: Path) -> None:
    """A worker that cannot start ends the command with one line, as with one process."""
    variables = environment("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    done = subprocess.run(COMMAND, env=variables, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr.count("\n"), "Traceback" in done.stderr) == (1, 1, False)


def _refuses(where: tuple[str, int]) -> bool:
    try:
        socket.create_connection(where).close()
    except ConnectionRefusedError:
        return True
    return False


def _runs(pid: int) -> bool:
    try:
        return state(pid) != "Z"
    except FileNotFoundError:
        return False
