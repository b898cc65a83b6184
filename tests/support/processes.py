"""`greenroom` as a process of its own: what it is told, where it listens, and how it stands."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path


def environment(database_url: str, data: Path) -> dict[str, str]:
    """What a process is told, whatever the tests themselves were told."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    return {**kept, "GREENROOM_DATABASE_URL": database_url, "GREENROOM_DATA_DIR": str(data)}


def address(url: str) -> tuple[str, int]:
    """The host and the port of a URL without a path."""
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def state(pid: int) -> str:
    """The letter that the system has for a process: Z ended, T stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def pause(pid: int) -> None:
    """Stop a process where it stands; returns once it does. SIGCONT lets it go on."""
    os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(10):
        while state(pid) != "T":
            await asyncio.sleep(0.005)
