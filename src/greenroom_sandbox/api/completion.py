"""Greenhouse's own endpoint for partners: *this test is complete, come and ask*."""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from greenroom_sandbox.api.reading import SIMULATOR
from greenroom_sandbox.model.take_home import TakeHome
from greenroom_sandbox.model.wire import Exchange, Fault
from greenroom_sandbox.services import results
from greenroom_sandbox.simulator import Simulator
from greenroom_sandbox.wire.basic import masked

routes = web.RouteTableDef()


@routes.patch("/integrations/testing_partners/take_home_tests/{id}")
async def complete(request: web.Request) -> web.StreamResponse:
    """Answers a status and nothing else. Source: Greenhouse Assessment API, completed test call-back."""
    simulator, started = request.app[SIMULATOR], time.perf_counter()
    text = request.match_info["id"]
    take_home_id = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    exchange = await _exchange(request, simulator, take_home_id)
    for fault in simulator.strikes_completion(take_home_id or None):
        exchange.fault = fault.kind
        spoiled = await _spoil(request, fault)
        if spoiled is not None:
            return _log(simulator, exchange, spoiled, started)
    partner = results.completing_partner(
        simulator.world, request.headers.get("authorization"), simulator.world.take_homes.find(take_home_id)
    )
    if partner is None:
        exchange.verdict, exchange.problems = "refused", ["the credentials are not accepted"]
        headers = {"www-authenticate": 'Basic realm="Greenhouse"'}
        return _log(simulator, exchange, web.Response(status=401, headers=headers), started)
    exchange.partner_id = partner.id
    test = results.completable(simulator.world, take_home_id, partner)
    if test is None:
        exchange.verdict, exchange.problems = "refused", ["there is no such test for this partner"]
        return _log(simulator, exchange, web.Response(status=404), started)
    if exchange.request_body:
        exchange.remarks.append("the call-back takes no body")
    return await _accept(request, simulator, test, exchange, started)


async def _accept(
    request: web.Request, simulator: Simulator, test: TakeHome, exchange: Exchange, started: float
) -> web.StreamResponse:
    await results.completed(simulator, test, answered=False)
    response = web.Response(status=simulator.world.settings.completion_status)
    _log(simulator, exchange, response, started)
    if simulator.world.settings.status_check == "after_answer":
        await response.prepare(request)
        await response.write_eof()
        await results.completed(simulator, simulator.world.take_homes.get(test.id), answered=True)
    return response


async def _exchange(request: web.Request, simulator: Simulator, take_home_id: int) -> Exchange:
    world = simulator.world
    test = world.take_homes.find(take_home_id)
    return Exchange(
        id=0,
        at=world.clock.now(),
        direction="from_partner",
        call="completion",
        partner_id=test.partner_id if test else None,
        organization_id=test.organization_id if test else None,
        take_home_id=take_home_id or None,
        method=request.method,
        url=str(request.url),
        request_headers=masked(request.headers.items()),
        request_body=(await request.read())[:65536].decode(errors="replace"),
    )


async def _spoil(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """What a fault makes of the answer; None when the call goes on."""
    if fault.kind == "latency":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "status":
        headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
        return web.Response(status=fault.status, headers=headers)
    if fault.kind == "timeout":
        await asyncio.sleep(fault.seconds)
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)  # nobody is there to read it


def _log(simulator: Simulator, exchange: Exchange, response: web.StreamResponse, started: float) -> web.StreamResponse:
    exchange.id = simulator.world.exchanges.next_id()
    exchange.status = None if exchange.fault in ("reset", "timeout") else response.status
    exchange.ms = round((time.perf_counter() - started) * 1000, 3)
    simulator.world.log(exchange)
    return response
