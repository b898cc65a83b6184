"""Logging and faults of the requests that partners make to the simulator."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web

from greenroom_sandbox import faults
from greenroom_sandbox.kernel import KERNEL
from greenroom_sandbox.model.wire import BODY_LIMIT, Exchange, Fault, FaultKind, WireCall
from greenroom_sandbox.wire.basic import mask_headers, mask_secrets
from greenroom_sandbox.wire.broken import break_json


class Incoming:
    """A partner's request while it is handled.

    ``exchange`` is its entry in the log, which `answer` stores.
    """

    def __init__(self, request: web.Request, exchange: Exchange) -> None:
        self.exchange = exchange
        self._request = request
        self._kernel = request.app[KERNEL]
        self._started = time.perf_counter()
        self.matched: dict[FaultKind, Fault] = {}

    @classmethod
    async def read(cls, request: web.Request, call: WireCall, **about: Any) -> Incoming:
        """Reads the request in full; ``about`` are fields of its exchange."""
        kernel = request.app[KERNEL]
        body = await request.read()
        exchange = Exchange(
            id=0,
            at=kernel.clock.now(),
            direction="from_partner",
            call=call,
            method=request.method,
            url=str(request.url),
            request_headers=mask_headers(request.headers.items()),
            request_body=body[:BODY_LIMIT].decode(errors="replace"),
            request_cut=len(body) > BODY_LIMIT,
            **about,
        )
        return cls(request, exchange)

    async def apply_faults(self) -> web.StreamResponse | None:
        """Applies the faults that hit this request.

        Returns the answer of a fault, or None when the request is to be handled, possibly after a delay.
        """
        exchange = self.exchange
        ids = exchange.take_home_id, exchange.assessment_id
        matched = self.matched = faults.match(self._kernel, exchange.call, faults.ANSWER_KINDS, *ids)
        exchange.fault = ",".join(sorted(matched)) or None
        if "latency" in matched:
            await asyncio.sleep(matched["latency"].seconds)
        if "status" in matched:
            return self.answer(_failure(matched["status"], self._request))
        if "timeout" in matched:
            await asyncio.sleep(matched["timeout"].seconds)
        if "timeout" not in matched and "reset" not in matched:
            return None
        return self.answer(web.Response(status=500), sent=False)

    @property
    def number(self) -> int:
        """The id that the exchange will have in the log."""
        return self._kernel.exchanges.next_id()

    def refuse(self, response: web.Response, problem: str) -> web.Response:
        """Logs the request as refused and returns the response."""
        self.exchange.verdict, self.exchange.problems = "refused", [problem]
        return self.answer(response)

    def answer(self, response: web.Response, *, sent: bool = True) -> web.Response:
        """Logs the request with its response, whose body a fault may break.

        Without ``sent`` the connection is closed, and the response only ends the handler.
        """
        if "malformed" in self.matched and isinstance(response.body, bytes):
            response.body = break_json(response.body, self.matched["malformed"].variant)
        exchange, sent = self.exchange, sent and "lost_answer" not in self.matched
        if not sent and self._request.transport is not None:
            self._request.transport.abort()
        exchange.status = response.status if sent else None
        exchange.reply_headers = mask_headers(response.headers.items())
        exchange.reply_body = (
            response.body[:BODY_LIMIT].decode(errors="replace") if isinstance(response.body, bytes) else ""
        )
        if exchange.call == "token":
            exchange.reply_body = mask_secrets(exchange.reply_body)
        exchange.ms = round((time.perf_counter() - self._started) * 1000, 3)
        self._kernel.log_exchange(exchange)
        return response


def _failure(fault: Fault, request: web.Request) -> web.Response:
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    if 300 <= fault.status < 400:
        headers["location"] = str(request.url.with_path("/elsewhere").with_query(None))
    return web.Response(status=fault.status, headers=headers)
