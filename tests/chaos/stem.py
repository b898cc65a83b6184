"""
Starts `greenroom` processes quickly: everything is imported once, each process is a fork of that.

A fault of a few seconds is over before a fresh interpreter has read its modules. One line of JSON asks for a process
(`{"arguments", "environment", "log", "clock"}`) or for the end of one (`{"wait"}`); the answer is its id or exit code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import greenroom.cli


def main() -> None:
    """Serve requests from standard input until it ends; a forked child leaves by becoming `greenroom`."""
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
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(asked["environment"])
    if asked.get("clock"):
        from tests.chaos import clock

        clock.follow(asked["clock"])
    sys.argv[:] = ["greenroom", *asked["arguments"]]
    greenroom.cli.main()


if __name__ == "__main__":
    main()
