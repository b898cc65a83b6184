"""Processes that are killed, and what was under way then."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.chaos.installation import Installation
from tests.chaos.neighbours import Neighbours
from tests.chaos.sizes import Size


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


async def leases_end(installation: Installation, neighbours: Neighbours, size: Size) -> None:
    """What killed workers left behind is anybody's again."""
    if installation.database_url and not size.real_leases:
        await neighbours.quiet(1.0)
        await installation.end_leases()
