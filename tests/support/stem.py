"""
Starts `greenroom` processes quickly, as forks of a process that has imported everything.

A fresh interpreter needs more than a second of CPU time before a command begins, and a fault of a few seconds would be
over by then. One line of JSON requests a process (`{"arguments", "environment", "log", "errors", "clock"}`) or waits
for the end of one (`{"wait"}`); the answer is the process's id or exit code.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

START_S = 60


class Stem:
    """The process whose forks become `greenroom`."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment = {**environment, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stem"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment, start_new_session=True,
        )  # fmt: skip
        self._asking = threading.Lock()

    async def ask(self, **what: Any) -> int:
        """Returns the answer to one line."""
        async with asyncio.timeout(START_S):
            return await asyncio.to_thread(self._ask, **what)

    def run(self, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, as `subprocess.run` does; the standard input is empty."""
        with tempfile.TemporaryDirectory() as directory:
            log, errors = Path(directory) / "log", Path(directory) / "errors"
            pid = self._ask(arguments=arguments, environment=environment, log=str(log), errors=str(errors))
            return subprocess.CompletedProcess(arguments, self._ask(wait=pid), log.read_text(), errors.read_text())

    def _ask(self, **what: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """Ends the process; the forks go on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


@contextlib.contextmanager
def open_stem() -> Iterator[Stem]:
    """Runs a stem as long as the block."""
    stem = Stem()
    try:
        yield stem
    finally:
        stem.close()


@cache
def _commands() -> Stem:
    stem = Stem()
    atexit.register(stem.close)
    return stem


def greenroom(*arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a `greenroom` command in exactly this environment, on one stem for all tests of this process."""
    return _commands().run(*arguments, environment=environment)


def main() -> None:
    """
    Serves requests from standard input until it ends.

    A forked child leaves this function by becoming `greenroom`.
    """
    import greenroom.cli  # noqa: F401 - for the forks

    gc.collect()
    gc.freeze()  # a collection in a fork would copy every shared page
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        elif (answer := os.fork()) == 0:
            _become(asked)
            return
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _become(asked: dict[str, Any]) -> None:
    os.setsid()
    log, errors = (
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for path in (asked["log"], asked.get("errors") or asked["log"])
    )
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (errors, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(asked["environment"])
    if asked.get("clock"):
        from tests.chaos import clock

        clock.follow(asked["clock"])
    sys.argv[:] = ["greenroom", *asked["arguments"]]
    import greenroom.cli

    greenroom.cli.main()


if __name__ == "__main__":
    main()
