"""What can be done with a logged exchange."""

from __future__ import annotations

from typing import get_args

from greenroom_sandbox.errors import Conflict
from greenroom_sandbox.model.partner import Call
from greenroom_sandbox.model.wire import BODY_LIMIT, Exchange
from greenroom_sandbox.simulator import Simulator


def why_no_replay(exchange: Exchange) -> str | None:
    """Why a request cannot be made again; None when it can."""
    if exchange.direction != "to_partner" or exchange.call not in get_args(Call):
        return "only the simulator's own calls to a partner can be made again"
    if len(exchange.request_body) >= BODY_LIMIT:
        return "the log does not have the whole body"
    return None


async def replay(simulator: Simulator, exchange_id: int) -> Exchange:
    """Makes a call to a partner again, byte for byte; the new exchange."""
    exchange = simulator.world.exchanges.get(exchange_id)
    reason = why_no_replay(exchange)
    if reason is not None:
        raise Conflict(reason)
    return await simulator.replay(exchange)
