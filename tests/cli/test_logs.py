"""The log of a process: a log that cannot be written does not stop the process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SAYS = """
import logging
import structlog
from greenroom.cli import logs
from greenroom.settings import Settings

logs.configure(Settings.from_environment({}))
for _ in range(3):
    structlog.get_logger().warning("ours", detail="x" * 10_000)
    logging.getLogger("library").warning("theirs")
print("goes on")
"""
FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_does_not_stop_the_process(unbuffered: str) -> None:
    """A process whose log is on a full disk continues."""
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SAYS],
            stdout=subprocess.PIPE, stderr=full, text=True, env={"PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip

    assert done.stdout == "goes on\n"


def test_a_closed_pipe_does_not_stop_the_process() -> None:
    """A process whose log pipe is closed continues."""
    talking = subprocess.Popen([sys.executable, "-c", SAYS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert talking.stdout is not None
    assert talking.stderr is not None
    with talking.stdout:
        talking.stderr.close()

        assert talking.stdout.read() == "goes on\n"
    talking.wait()


def test_worker_processes_use_the_log_format(tmp_path: Path) -> None:
    """Worker processes use the configured log format."""
    says = (
        "import structlog, threading; from greenroom.cli import serve; from greenroom.settings import Settings; "
        "serve._run = lambda main: main.close(); "
        "serve._serve_as_worker(Settings.from_environment(), None, threading.Event()); "
        "structlog.get_logger().warning('ours')"
    )
    environment = {"GREENROOM_DATA_DIR": str(tmp_path), "GREENROOM_LOG_FORMAT": "json"}
    done = subprocess.run([sys.executable, "-c", says], capture_output=True, text=True, env=os.environ | environment)

    assert json.loads(done.stderr)["event"] == "ours"


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_entry_is_bounded(form: str) -> None:
    """The traceback of an endless recursion and a value of a caller are cut."""
    says = f"""
import structlog
from greenroom.cli import logs
from greenroom.settings import Settings

logs.configure(Settings(log_format={form!r}))
def down(depth): return up(depth)
def up(depth): return down(depth)
try:
    down(0)
except RecursionError:
    structlog.get_logger().exception("failed", path="x" * 1_000_000)
"""
    done = subprocess.run([sys.executable, "-c", says], capture_output=True, text=True)
    assert "RecursionError" in done.stderr
    assert len(done.stderr) < 20_000
