"""Kills of processes, and the attempts in flight at each."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.installation import Installation


@dataclass
class Killed:
    """The number of kills, and the attempts in flight at them."""

    times: int = 0
    in_flight: set[str] = field(default_factory=set)

    async def one_of(self, installation: Installation, names: list[str]) -> None:
        """Kills the next process in turn, and starts it again."""
        name = names[self.times % len(names)]
        victim = next(process for process in installation.processes if process.name == name)
        await victim.kill()
        self.times += 1
        self.in_flight |= await installation.leases()
        await installation.again(victim)
