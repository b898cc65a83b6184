"""Load: recruiters send tests at a steady rate, a vendor sends each a result, and every answer is counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from greenroom.bench.arithmetic import arrivals
from tests.chaos.installation import TENANT, Installation
from tests.chaos.neighbours import Neighbours
from tests.house import ADA, RESULT, basic

#: seconds for one call, far more than any call may take
PATIENCE_S = 15.0
#: seconds that a connection is kept for the next call: less than the gateway's 5 s, as behind any load balancer
KEPT_S = 4.0


@dataclass
class Load:
    """
    An open loop: `rate` orders a second, however slow the answers are. Order number n calls back to `…/n`.

    A call without an answer is sent to the next of `Installation.urls`, as by a load balancer.
    """

    installation: Installation
    neighbours: Neighbours
    rate: float
    #: order ids by number, orders whose result was accepted, and orders whose result the ATS has then read
    accepted: dict[int, str] = field(default_factory=dict)
    resulted: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    #: answers other than 200; "cut" is a call without an answer
    refused: Counter[int | str] = field(default_factory=Counter)
    slowest_refusal: float = 0.0
    without_retry_after: int = 0
    _numbers: int = 0

    async def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Sends orders for `seconds`, or until `until` is true."""
        async with self._client() as client, asyncio.TaskGroup() as playing:
            began = time.monotonic()
            for offset in arrivals(self.rate, seconds):
                await asyncio.sleep(max(0.0, began + offset - time.monotonic()))
                if until():
                    break
                self._numbers += 1
                playing.create_task(self._play(client, self._numbers))

    async def finish(self) -> None:
        """Sends every order and result that was not accepted once more; now it must be accepted."""
        before = self.refused.copy()
        async with self._client() as client:
            for first in range(1, self._numbers + 1, 20):
                numbers = range(first, min(first + 20, self._numbers + 1))
                await asyncio.gather(*(self._play(client, number) for number in numbers if not self._is_done(number)))
        assert self.refused == before, f"still refused after recovery: {self.refused - before}"
        assert set(self.accepted.values()) == self.resulted == self.asked

    @property
    def sent(self) -> int:
        """Returns the number of orders."""
        return self._numbers

    def _is_done(self, number: int) -> bool:
        return self.accepted.get(number) in self.asked

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S),
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        )

    async def _play(self, client: aiohttp.ClientSession, number: int) -> None:
        body = {"partner_test_id": "pkg_core_sql", "candidate": ADA}
        body["url"] = f"{self.neighbours.url}/take_home_tests/{number}"
        path = f"/external-trigger/greenhouse/send_test?tenant-id={TENANT}"
        answer = await self._call(client, "POST", path, body, {"authorization": basic(self.installation.token)})
        if answer is None:
            return
        order_id = answer["partner_interview_id"]
        assert self.accepted.setdefault(number, order_id) == order_id, "an order has changed its id"
        path = f"/unified/ats/assessments/orders/{order_id}/result"
        headers = {"authorization": basic(self.installation.key), "x-account-id": self.installation.account_id}
        if await self._call(client, "PATCH", path, RESULT, headers) is None:
            return
        self.resulted.add(order_id)
        path = f"/external-trigger/greenhouse/test_status?tenant-id={TENANT}&partner_interview_id={order_id}"
        status = await self._call(client, "GET", path, None, {"authorization": basic(self.installation.token)})
        if status is not None:
            assert status["partner_status"] == "complete"
            self.asked.add(order_id)

    async def _call(
        self, client: aiohttp.ClientSession, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> Any:
        """Returns the JSON of a 200, else None."""
        headers = {**headers, "content-type": "application/json"}
        began = time.monotonic()
        tried: set[str] = set()
        while url := next((one for one in self._targets() if one not in tried), None):
            tried.add(url)
            try:
                async with client.request(
                    method, url + path, data=None if body is None else json.dumps(body), headers=headers
                ) as response:
                    content = await response.read()
            except aiohttp.ClientError:
                continue
            except TimeoutError:
                self.refused["timeout"] += 1
                return None
            if response.status == 200:
                return json.loads(content)
            self.refused[response.status] += 1
            self.slowest_refusal = max(self.slowest_refusal, time.monotonic() - began)
            self.without_retry_after += "retry-after" not in response.headers
            return None
        self.refused["cut"] += 1
        return None

    def _targets(self) -> Sequence[str]:
        urls = self.installation.urls
        first = self._numbers % len(urls) if urls else 0
        return urls[first:] + urls[:first]
