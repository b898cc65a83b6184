"""The traffic log: what is in it, and making a call again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from greenroom_sandbox.errors import Conflict, Refused
from greenroom_sandbox.model.partner import Call
from greenroom_sandbox.model.wire import Exchange
from greenroom_sandbox.simulator import Simulator


@dataclass(frozen=True)
class Filter:
    """Which exchanges are wanted; None and 0 want all. Refuses words that no exchange has."""

    take_home_id: int | None = None
    partner_id: int | None = None
    direction: str | None = None
    call: str | None = None
    verdict: str | None = None
    after: int = 0

    def __post_init__(self) -> None:
        for name in ("direction", "call", "verdict"):
            if getattr(self, name) not in (None, *words(name)):
                raise Refused(f"must be one of {', '.join(words(name))}", name)

    def takes(self, exchange: Exchange) -> bool:
        """Whether an exchange is wanted."""
        names = ("take_home_id", "partner_id", "direction", "call", "verdict")
        fits = all(getattr(self, name) in (None, getattr(exchange, name)) for name in names)
        return fits and exchange.id > self.after


def words(name: str) -> tuple[str, ...]:
    """What an exchange's ``direction``, ``call`` or ``verdict`` can be."""
    return get_args(Exchange.model_fields[name].annotation)


def why_no_replay(exchange: Exchange) -> str | None:
    """Why a request cannot be made again; None when it can."""
    if exchange.direction != "to_partner" or exchange.call not in get_args(Call):
        return "only the simulator's own calls to a partner can be made again"
    if exchange.request_cut:
        return "the log does not have the whole body"
    return None


async def replay(simulator: Simulator, exchange_id: int) -> Exchange:
    """Makes a call to a partner again, byte for byte; the new exchange."""
    exchange = simulator.world.exchanges.get(exchange_id)
    reason = why_no_replay(exchange)
    if reason is not None:
        raise Conflict(reason)
    return await simulator.replay(exchange)
