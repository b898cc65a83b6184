"""
The vendor's end in a process of its own: receives, counts, and fails on request.

Paths under `/control/` are for the benchmark; every other path is a webhook.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

#: the order's number, which ends the call-back URL of `payload.send_test`
_NUMBER = re.compile(rb"take_home_tests/(\d+)")


@dataclass
class Receiver:
    """
    A webhook receiver that answers 200 at once, unless set otherwise.

    Requests to a path in `hanging` hang; `failing` is the share (0 to 1) of answers that are 500. `held` is the number
    of requests that hang now: they are answered, and not counted, at the next change of the behaviour.

    Times are the machine's monotonic clock, which all processes of a machine share. While `watching`, path and time of
    each webhook are kept; while `remembering`, the ids of the webhooks.
    """

    answered: int = 0
    held: int = 0
    watching: bool = False
    remembering: bool = False
    hanging: frozenset[str] = frozenset()
    failing: float = 0.0
    last: bytes = b""
    arrivals: list[tuple[str, int, float]] = field(default_factory=list)
    remembered: set[str] = field(default_factory=set)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _failed: float = 0.0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers any request."""
        body = await request.read()
        if request.path.startswith("/control/"):
            return web.json_response(self._control(request.path.removeprefix("/control/"), body))
        if request.path in self.hanging:
            self.held += 1
            await self._released.wait()
            self.held -= 1
            return web.Response()
        self.answered += 1
        self.last = body
        if self.watching and (number := _NUMBER.search(body)):
            self.arrivals.append((request.path, int(number[1]), time.monotonic()))
        if self.remembering:
            self.remembered.add(request.headers["webhook-id"])
        self._failed += self.failing
        if self._failed >= 1:
            self._failed -= 1
            return web.Response(status=500)
        return web.Response()

    def _control(self, call: str, body: bytes) -> Any:
        if call == "behave":
            self._behave(**json.loads(body))
        if call == "last":
            return {"body": self.last.decode()}
        if call == "arrivals":
            return self.arrivals
        return {
            "answered": self.answered,
            "held": self.held,
            "remembered": len(self.remembered),
            "at": time.monotonic(),
        }

    def _behave(
        self,
        *,
        watching: bool = False,
        remembering: bool = False,
        hanging: Sequence[str] = (),
        failing: float = 0.0,
    ) -> None:
        """Changes the behaviour; answers hanging requests and clears the recorded ones."""
        self._released.set()
        self._released = asyncio.Event()
        self.watching, self.remembering, self.hanging, self.failing = watching, remembering, frozenset(hanging), failing
        self.arrivals, self.remembered = [], set()


async def _serve(port: int) -> None:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    print("Receiver is ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """`python -m greenroom.bench.receiver --port PORT`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
