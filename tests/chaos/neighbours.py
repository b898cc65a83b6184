"""Both neighbours on one port: the vendor's webhook, and Greenhouse's side of the call-back. Records every request."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.ports import free_port

_NUMBER = re.compile(r"/take_home_tests/(\d+)$")


@dataclass
class Received:
    """
    A request. `subject` is the order's id for a webhook, the call-back's path for a result.

    `count` is the number of requests about the subject so far, `signed_s` the difference between signature time and clock.
    """

    subject: str
    event_id: str
    digest: str
    count: int
    signed_s: float

    @property
    def is_result(self) -> bool:
        """Returns whether the request is for Greenhouse."""
        return self.subject.startswith("/")


#: handles a request instead of the 200; returns the status, or "reset" to break the connection
Mishap = Callable[[Received], Awaitable[str | int]]


async def quick(_: Received) -> int:
    """Answers 200 at once."""
    await asyncio.sleep(0.02)
    return 200


@dataclass
class Neighbours:
    """A receiver that answers 200 after 20 ms, unless `mishap` decides otherwise; it can stop and restart on its port."""

    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)
    mishap: Mishap = quick
    in_hand: int = 0
    #: requests that `stop` broke off
    cut: int = 0
    last_at: float = 0.0
    _by_subject: dict[str, int] = field(default_factory=dict)
    _runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listens, on the same port each time."""
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.01)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024, reuse_address=True)
        await site.start()

    async def stop(self) -> None:
        """Breaks every connection and stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        received = self._receive(request, await request.read())
        self.in_hand += 1
        try:
            what = await self.mishap(received)
        except asyncio.CancelledError:
            self.cut += 1
            raise
        finally:
            self.in_hand -= 1
            self.last_at = time.monotonic()
        if what == "reset":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=what if isinstance(what, int) else 200)

    def _receive(self, request: web.BaseRequest, body: bytes) -> Received:
        subject = request.path if _NUMBER.search(request.path) else str(_json(body)["record_id"])
        count = self._by_subject[subject] = self._by_subject.get(subject, 0) + 1
        event_id = request.headers.get("webhook-id", subject)
        now = time.time()
        signed_s = float(request.headers.get("webhook-timestamp", now)) - now
        one = Received(subject, event_id, hashlib.sha256(body).hexdigest(), count, signed_s)
        self.received.append(one)
        return one

    def has_received(self, subject: str) -> bool:
        """Returns whether a request about the subject has arrived."""
        return subject in self._by_subject

    async def quiet(self, seconds: float) -> None:
        """Waits until no request has arrived for so long."""
        while self.in_hand or time.monotonic() - self.last_at < seconds:
            await asyncio.sleep(0.05)


def _json(body: bytes) -> Any:
    return json.loads(body)


@asynccontextmanager
async def open_neighbours() -> AsyncIterator[Neighbours]:
    """Runs neighbours for the block."""
    one = Neighbours()
    await one.start()
    try:
        yield one
    finally:
        await one.stop()
