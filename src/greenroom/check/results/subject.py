"""The vendor's client under check: places orders at its webhook, and collects its results."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from greenroom.check.calls import Caller, Sent, new_id, signature
from greenroom.check.model import Skipped
from greenroom.check.results.standin import Fault, Placed, Received, StandIn
from greenroom.check.webhook import events
from greenroom.check.webhook.subject import encode
from greenroom.errors import GiveUp, RemoteError

#: the orders by name: each has a fault for the vendor's client, or something special in its event
ORDERS: dict[str, Fault] = {
    "plain": "none",
    "unicode": "none",
    "repeated": "none",
    "unavailable": "unavailable",
    "limited": "limited",
    "lost": "lost",
}


@dataclass
class ResultsSubject:
    """
    A vendor whose webhook gets orders, and whose client then sends results to the stand-in.

    `wait_s` is the time for all results, `settle_s` the time afterwards in which nothing more may come. With `simulate`
    a result is also played through a gateway and the simulator.
    """

    caller: Caller
    standin: StandIn
    base_url: str
    event: str
    secret: str | None = None
    wait_s: float = 120.0
    settle_s: float = 3.0
    simulate: bool = False
    placed: dict[str, Placed] = field(default_factory=dict)
    events_sent: dict[str, Sent | RemoteError] = field(default_factory=dict)
    _collected: bool = False

    async def collect(self) -> None:
        """Places the orders and waits for their results, once."""
        if self._collected:
            return
        self._collected = True
        for name, fault in ORDERS.items():
            await self._place(name, fault)
        if any(isinstance(one, Sent) and one.is_success for one in self.events_sent.values()):
            await self._wait()
            await asyncio.sleep(self.settle_s)

    async def requests(self, name: str | None = None) -> list[Received]:
        """
        Returns the results that the vendor sent, for one of the orders or for all.

        Raises:
            Skipped: there is none.
        """
        await self.collect()
        ids = {self.placed[name].id} if name else {one.id for one in self.placed.values()}
        found = [one for one in self.standin.received if one.order_id in ids and one.method == "PATCH"]
        if not found:
            raise Skipped("The vendor sent no result: see results.arrives.")
        return found

    async def contents(self) -> list[dict[str, Any]]:
        """
        Returns the bodies of the results that are JSON objects.

        Raises:
            Skipped: there is none.
        """
        found = [one.content for one in await self.requests() if isinstance(one.content, dict)]
        if not found:
            raise Skipped("No result is a JSON object: see results.json.")
        return found

    async def _place(self, name: str, fault: Fault) -> None:
        more = {"first_name": "Zoë 🧪", "last_name": "Nguyễn-O'Neill"} if name == "unicode" else {}
        order = events.order(self.standin.category, **more)
        url = f"{self.base_url}/unified/ats/{{category}}/orders/{{order}}/result"
        document = events.created(self.standin.category, self.event, placed=order, update_url=url)
        self.placed[name] = self.standin.orders[order.id] = Placed(order.id, fault, document["event_data"])
        body, event_id = encode(document | {"account_id": self.standin.account_id}), new_id("evt")
        for _ in range(2 if name == "repeated" else 1):
            headers = {"content-type": "application/json"}
            headers |= signature(body, [self.secret] if self.secret else [], event_id=event_id)
            try:
                self.events_sent[name] = await self.caller.send("POST", headers, body)
            except GiveUp:
                raise
            except RemoteError as error:
                self.events_sent[name] = error
                return

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self.wait_s):
                while any(self._is_awaited(one) for one in self.placed.values()):
                    self.standin.arrived.clear()
                    await self.standin.arrived.wait()
        except TimeoutError:
            return

    def _is_awaited(self, order: Placed) -> bool:
        """Returns whether a result is still to come: none was accepted, and none refused for good."""
        refused = any(
            one.order_id == order.id and 400 <= one.status < 500 and one.status != 429 for one in self.standin.received
        )
        return order.is_pending and not refused
