"""A request from outside that plays a part in the story: hit by faults first, in the traffic log at the end."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from greenroom_sandbox import faults
from greenroom_sandbox.api.reading import SIMULATOR
from greenroom_sandbox.model.wire import BODY_LIMIT, Exchange, Fault, Variant, WireCall
from greenroom_sandbox.wire.basic import masked, masked_secrets
from greenroom_sandbox.wire.bodies import garbled


class Incoming:
    """One call while it is answered; ``exchange`` is its entry in the log, written by `answer`."""

    def __init__(self, request: web.Request, exchange: Exchange) -> None:
        self.exchange = exchange
        self._request = request
        self._world = request.app[SIMULATOR].world
        self._started = time.perf_counter()
        self._malformed: Variant | None = None

    @classmethod
    async def read(cls, request: web.Request, call: WireCall, take_home_id: int | None = None) -> Incoming:
        """Reads the request in full."""
        world = request.app[SIMULATOR].world
        test = world.take_homes.find(take_home_id or 0)
        body = await request.read()
        exchange = Exchange(
            id=0,
            at=world.clock.now(),
            direction="from_partner",
            call=call,
            partner_id=test.partner_id if test else None,
            organization_id=test.organization_id if test else None,
            take_home_id=take_home_id,
            method=request.method,
            url=str(request.url),
            request_headers=masked(request.headers.items()),
            request_body=body[:BODY_LIMIT].decode(errors="replace"),
            request_cut=len(body) > BODY_LIMIT,
        )
        return cls(request, exchange)

    async def spoiled(self) -> web.StreamResponse | None:
        """The answer when a fault gives one, else None: then the call goes on, late if a fault says so."""
        exchange = self.exchange
        struck = faults.strike(self._world, exchange.call, faults.OF_ANSWERS, exchange.take_home_id)
        exchange.fault = ",".join(sorted(struck)) or None
        if "malformed" in struck:
            self._malformed = struck["malformed"].variant
        if "latency" in struck:
            await asyncio.sleep(struck["latency"].seconds)
        if "status" in struck:
            return self.answer(_failure(struck["status"], self._request))
        if "timeout" in struck:
            await asyncio.sleep(struck["timeout"].seconds)
        if "timeout" not in struck and "reset" not in struck:
            return None
        if self._request.transport is not None:
            self._request.transport.abort()
        return self.answer(web.Response(status=500), sent=False)  # nobody is there to read it

    def refuse(self, response: web.Response, problem: str) -> web.Response:
        """Answers that it cannot be."""
        self.exchange.verdict, self.exchange.problems = "refused", [problem]
        return self.answer(response)

    def answer(self, response: web.Response, *, sent: bool = True) -> web.Response:
        """Logs the call with its answer, which a fault may garble."""
        if self._malformed is not None and isinstance(response.body, bytes):
            response.body = garbled(response.body, self._malformed)
        exchange = self.exchange
        exchange.status = response.status if sent else None
        exchange.reply_headers = masked(response.headers.items())
        exchange.reply_body = (
            response.body[:BODY_LIMIT].decode(errors="replace") if isinstance(response.body, bytes) else ""
        )
        if exchange.call == "token":
            exchange.reply_body = masked_secrets(exchange.reply_body)
        exchange.ms = round((time.perf_counter() - self._started) * 1000, 3)
        self._world.log(exchange)
        return response


def _failure(fault: Fault, request: web.Request) -> web.Response:
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    if 300 <= fault.status < 400:
        headers["location"] = str(request.url.with_path("/elsewhere").with_query(None))
    return web.Response(status=fault.status, headers=headers)
