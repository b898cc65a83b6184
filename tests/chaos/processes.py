"""Greenroom's processes, with ways to start, suspend and end them."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.support import processes
from tests.support.stem import Stem

START_S = 60


@dataclass
class Process:
    """One `greenroom` process. `log` is the file of its output; `url` its address, "" for a worker."""

    stem: Stem
    name: str
    pid: int
    log: Path
    url: str = ""
    code: int | None = None

    async def ready(self, word: str, after: int) -> None:
        """Waits for the word in the log after the byte `after`."""
        async with asyncio.timeout(START_S):
            while True:
                lines = self.lines(after)
                said = next((line for line in lines if line.startswith(word)), None)
                if said is not None:
                    self.url = said.split()[1] if word == "Greenroom:" else ""
                    return
                assert self.state() != "Z", "\n".join(lines)
                await asyncio.sleep(0.02)

    def state(self) -> str:
        """Returns the system's letter for its state: Z ended, T stopped."""
        return processes.state(self.pid)

    def processor_s(self) -> float:
        """Returns the seconds of processor time that it has used."""
        used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def lines(self, after: int = 0) -> list[str]:
        """Returns the lines of its log after so many bytes."""
        return self.log.read_bytes()[after:].decode(errors="replace").splitlines() if self.log.exists() else []

    def size(self) -> int:
        """Returns the size of its log in bytes."""
        return self.log.stat().st_size if self.log.exists() else 0

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process."""
        if self.code is None:
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """Kills the process with SIGKILL."""
        await self.stop(signal.SIGKILL)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process with a signal; returns its exit code."""
        if self.code is None:
            self.send(number)
            self.code = await self.stem.ask(wait=self.pid)
        return self.code

    async def paused(self) -> None:
        """Suspends the process; returns once it is suspended."""
        await processes.pause(self.pid)

    def resume(self) -> None:
        """Resumes the process."""
        self.send(signal.SIGCONT)
