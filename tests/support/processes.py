"""`greenroom` as a process: its environment, its address, its state."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path


def environment(database_url: str, data: Path) -> dict[str, str]:
    """Returns the environment of a process, without Greenroom settings of the test run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    return {**kept, "GREENROOM_DATABASE_URL": database_url, "GREENROOM_DATA_DIR": str(data)}


def address(url: str) -> tuple[str, int]:
    """Returns the host and the port of a URL without a path."""
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def state(pid: int) -> str:
    """Returns the system's letter for the state of a process: Z ended, T suspended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def pause(pid: int) -> None:
    """Suspends a process, and waits until it is suspended; SIGCONT resumes it."""
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(10):
        while state(pid) != "T":
            await asyncio.sleep(0.005)
