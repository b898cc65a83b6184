"""The calls for the traffic log."""

from __future__ import annotations

import json
from collections.abc import Callable

from aiohttp import web

from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.http.reading import (
    Body,
    get_number,
    get_query_number,
    get_query_seconds,
    read_body,
    respond,
    respond_list,
)
from greenroom_sandbox.kernel import KERNEL
from greenroom_sandbox.model.wire import Exchange
from greenroom_sandbox.services import traffic
from greenroom_sandbox.wire import curl

routes = web.RouteTableDef()
LONGEST_WAIT_S = 30.0


def _filter(request: web.Request) -> Callable[[Exchange], bool]:
    words = {name: request.query.get(name) or None for name in ("direction", "call", "verdict", "ats", "assessment_id")}
    test, partner = get_query_number(request, "take_home_id"), get_query_number(request, "partner_id")
    return traffic.Filter(test, partner, after=get_query_number(request, "after") or 0, **words).matches


@routes.get("/api/traffic")
async def list_traffic(request: web.Request) -> web.Response:
    """Lists exchanges, oldest first; on request waits for a number of them."""
    world, fits = request.app[KERNEL], _filter(request)
    limit = get_query_number(request, "limit")
    if limit is not None and not 1 <= limit <= 1000:
        raise Refused("must be 1 to 1000", "limit")
    at_least, wait = get_query_number(request, "at_least") or 0, get_query_seconds(request, "wait", LONGEST_WAIT_S)
    if at_least and wait:
        await world.changes.wait_until(lambda: sum(map(fits, world.exchanges.all())) >= at_least, wait)
    return respond_list(list(filter(fits, world.exchanges.all()))[: limit or 100])


@routes.get("/api/traffic/export")
async def export_traffic(request: web.Request) -> web.Response:
    """Returns all matching exchanges as a JSON file."""
    world, fits = request.app[KERNEL], _filter(request)
    found = [one.model_dump(mode="json") for one in world.exchanges.all() if fits(one)]
    headers = {"content-disposition": 'attachment; filename="traffic.json"'}
    return web.Response(
        text=json.dumps({"data": found}, ensure_ascii=False), content_type="application/json", headers=headers
    )


@routes.get("/api/traffic/{id}")
async def get_exchange(request: web.Request) -> web.Response:
    """Returns an exchange."""
    return respond(request.app[KERNEL].exchanges.get(get_number(request)))


@routes.delete("/api/traffic")
async def clear_traffic(request: web.Request) -> web.Response:
    """Empties the log."""
    request.app[KERNEL].clear_traffic()
    return respond({"ok": True})


@routes.get("/api/traffic/{id}/curl")
async def as_curl(request: web.Request) -> web.Response:
    """Returns the request as a curl command with variables for the credentials."""
    return web.Response(text=curl.command(request.app[KERNEL].exchanges.get(get_number(request))))


@routes.post("/api/traffic/{id}/replay")
async def replay(request: web.Request) -> web.Response:
    """Repeats a call to a partner."""
    await read_body(request, Body)
    return respond(await traffic.replay(request.app[SIMULATOR], get_number(request)), 201)


@routes.get("/api/rules")
async def rules(request: web.Request) -> web.Response:
    """Lists the rules for a partner's replies."""
    found = request.app[KERNEL].rules
    return respond_list([{"rule": name, "says": says, "source": source} for name, (says, source) in found.items()])
