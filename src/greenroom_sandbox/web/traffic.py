"""The traffic log: what went over the wire, either way, one request at a time."""

from __future__ import annotations

import json
from itertools import islice

from aiohttp import web

from greenroom_sandbox.services import traffic
from greenroom_sandbox.simulator import SIMULATOR
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import MOST_ROWS, number, page, see, shown, world_of
from greenroom_sandbox.wire import curl
from greenroom_sandbox.wire.rules import RULES

routes = web.RouteTableDef()


@routes.get("/traffic")
@page
async def log(request: web.Request) -> web.StreamResponse:
    """The exchanges that fit, newest first."""
    given = forms.query(request)
    test = given.number("take_home_id")
    wanted = traffic.Filter(test, call=given.optional("call"), verdict=given.optional("verdict"))
    fitting = [one for one in world_of(request).exchanges.all() if wanted.takes(one)]
    choices = {name: [(word, word.replace("_", " ")) for word in traffic.words(name)] for name in ("call", "verdict")}
    rows, more = list(islice(reversed(fitting), MOST_ROWS)), max(0, len(fitting) - MOST_ROWS)
    return shown(request, "traffic.html", rows=rows, more=more, wanted=wanted, choices=choices)


@routes.get("/traffic/{id}")
@page
async def one_exchange(request: web.Request) -> web.StreamResponse:
    """A request, its answer, what is wrong with it, and how to make it again."""
    exchange = world_of(request).exchanges.get(number(request))
    return shown(
        request,
        "exchange.html",
        exchange=exchange,
        rules=[(name, *RULES[name]) for name in exchange.rules],
        bodies={name: _laid_out(getattr(exchange, name)) for name in ("request_body", "reply_body")},
        command=curl.command(exchange),
        no_replay=traffic.why_no_replay(exchange),
    )


@routes.post("/traffic/{id}/replay")
@page
async def replay(request: web.Request) -> web.StreamResponse:
    """Makes the call again and shows what came back."""
    again = await traffic.replay(request.app[SIMULATOR], number(request))
    return see(f"/traffic/{again.id}", "replayed")


@routes.post("/traffic/clear")
@page
async def clear(request: web.Request) -> web.StreamResponse:
    """Empties the log."""
    world_of(request).forget_traffic()
    return see("/traffic", "traffic-cleared")


def _laid_out(body: str) -> str:
    """JSON over several lines; anything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
