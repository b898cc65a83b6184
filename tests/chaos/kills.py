"""Processes that are killed, and what was under way then."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.installation import Installation


@dataclass
class Killed:
    """How often something was killed, and which attempts were under way then."""

    times: int = 0
    in_flight: set[str] = field(default_factory=set)

    async def one_of(self, installation: Installation, names: list[str]) -> None:
        """Kill the one whose turn it is, and start it again."""
        name = names[self.times % len(names)]
        victim = next(process for process in installation.processes if process.name == name)
        await victim.kill()
        self.times += 1
        self.in_flight |= await installation.leases()
        await installation.again(victim)
