"""The traffic log: its filters and the replay of a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from greenroom_sandbox.errors import Conflict, Refused
from greenroom_sandbox.greenhouse.model.partner import CallName
from greenroom_sandbox.greenhouse.simulator import Simulator
from greenroom_sandbox.model.wire import Exchange


@dataclass(frozen=True)
class Filter:
    """Conditions on exchanges; None and 0 match all.

    Raises: `Refused` for a direction, call or verdict that does not exist.
    """

    take_home_id: int | None = None
    partner_id: int | None = None
    direction: str | None = None
    call: str | None = None
    verdict: str | None = None
    after: int = 0
    ats: str | None = None
    assessment_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("direction", "call", "verdict", "ats"):
            if getattr(self, name) not in (None, *get_choices(name)):
                raise Refused(f"must be one of {', '.join(get_choices(name))}", name)

    def matches(self, exchange: Exchange) -> bool:
        """Whether an exchange matches."""
        names = ("take_home_id", "partner_id", "direction", "call", "verdict", "ats", "assessment_id")
        fits = all(getattr(self, name) in (None, getattr(exchange, name)) for name in names)
        return fits and exchange.id > self.after


def get_choices(name: str) -> tuple[str, ...]:
    """Returns the values that a field of an exchange can have.

    ``name`` is ``direction``, ``call``, ``verdict`` or ``ats``.
    """
    return get_args(Exchange.model_fields[name].annotation)


def explain_no_replay(exchange: Exchange) -> str | None:
    """Returns why a request cannot be repeated, or None when it can."""
    if exchange.ats == "ashby":
        return "a call of Ashby cannot be made again"
    if exchange.direction != "to_partner" or exchange.call not in get_args(CallName):
        return "only the simulator's own calls to a partner can be made again"
    if exchange.request_cut:
        return "the log does not have the whole body"
    return None


async def replay(simulator: Simulator, exchange_id: int) -> Exchange:
    """Repeats a call to a partner byte for byte and returns the new exchange.

    Raises: `Conflict` when the call cannot be repeated.
    """
    exchange = simulator.world.exchanges.get(exchange_id)
    reason = explain_no_replay(exchange)
    if reason is not None:
        raise Conflict(reason)
    return await simulator.replay(exchange)
