"""Greenroom's processes, started and ended in every way there is."""

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
    """One `greenroom` process. `log` has what it printed; `url` is where it serves, "" for a worker."""

    stem: Stem
    name: str
    pid: int
    log: Path
    url: str = ""
    code: int | None = None

    async def ready(self, word: str, after: int) -> None:
        """Wait until it has said so; `after` is where its log began."""
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
        """The letter that the system has for it: Z ended, T stopped."""
        return processes.state(self.pid)

    def processor_s(self) -> float:
        """Seconds of processor time that it has used."""
        used = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def lines(self, after: int = 0) -> list[str]:
        """What it printed after so many bytes of its log."""
        return self.log.read_bytes()[after:].decode(errors="replace").splitlines() if self.log.exists() else []

    def size(self) -> int:
        """How many bytes it has printed."""
        return self.log.stat().st_size if self.log.exists() else 0

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.code is None:
            os.kill(self.pid, number)

    async def kill(self) -> None:
        """`kill -9`."""
        await self.stop(signal.SIGKILL)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; its exit code once it has ended."""
        if self.code is None:
            self.send(number)
            self.code = await self.stem.ask(wait=self.pid)
        return self.code

    async def paused(self) -> None:
        """Stop it where it stands; returns once it does."""
        await processes.pause(self.pid)

    def resume(self) -> None:
        """Let it go on."""
        self.send(signal.SIGCONT)
