"""The traffic log: every request either way, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web

from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, query_number, query_seconds, shown
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import Exchange
from greenroom_sandbox.services import traffic
from greenroom_sandbox.wire import curl
from greenroom_sandbox.wire.rules import RULES

routes = web.RouteTableDef()
LONGEST_WAIT_S = 30.0


def _filter(request: web.Request) -> Callable[[Exchange], bool]:
    direction, call, verdict = (request.query.get(name) or None for name in ("direction", "call", "verdict"))
    test, partner = query_number(request, "take_home_id"), query_number(request, "partner_id")
    return traffic.Filter(test, partner, direction, call, verdict, query_number(request, "after") or 0).takes


@routes.get("/api/traffic")
async def list_traffic(request: web.Request) -> web.Response:
    """Exchanges, oldest first; waits until there are enough when asked to."""
    world, fits = request.app[SIMULATOR].world, _filter(request)
    limit = query_number(request, "limit")
    if limit is not None and not 1 <= limit <= 1000:
        raise Refused("must be 1 to 1000", "limit")
    at_least, wait = query_number(request, "at_least") or 0, query_seconds(request, "wait", LONGEST_WAIT_S)
    if at_least and wait:
        await world.changes.until(lambda: sum(map(fits, world.exchanges.all())) >= at_least, wait)
    return listed(list(filter(fits, world.exchanges.all()))[: limit or 100])


@routes.get("/api/traffic/export")
async def export_traffic(request: web.Request) -> web.Response:
    """Everything that fits, as a file."""
    world, fits = request.app[SIMULATOR].world, _filter(request)
    found = [one.model_dump(mode="json") for one in world.exchanges.all() if fits(one)]
    headers = {"content-disposition": 'attachment; filename="traffic.json"'}
    return web.Response(
        text=json.dumps({"data": found}, ensure_ascii=False), content_type="application/json", headers=headers
    )


@routes.get("/api/traffic/{id}")
async def get_exchange(request: web.Request) -> web.Response:
    """One exchange."""
    return shown(request.app[SIMULATOR].world.exchanges.get(number(request)))


@routes.delete("/api/traffic")
async def clear_traffic(request: web.Request) -> web.Response:
    """Empties the log."""
    request.app[SIMULATOR].world.forget_traffic()
    return shown({"ok": True})


@routes.get("/api/traffic/{id}/curl")
async def as_curl(request: web.Request) -> web.Response:
    """The request as a curl command; credentials are variables."""
    return web.Response(text=curl.command(request.app[SIMULATOR].world.exchanges.get(number(request))))


@routes.post("/api/traffic/{id}/replay")
async def replay(request: web.Request) -> web.Response:
    """Makes a call to a partner again."""
    await body(request, Body)
    return shown(await traffic.replay(request.app[SIMULATOR], number(request)), 201)


@routes.get("/api/rules")
async def rules(_: web.Request) -> web.Response:
    """What a partner's replies are held to."""
    return listed([{"rule": name, "says": says, "source": source} for name, (says, source) in RULES.items()])
