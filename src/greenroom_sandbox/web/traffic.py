"""The pages of the traffic log."""

from __future__ import annotations

import json
from itertools import islice

from aiohttp import web

from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.web.pages import get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import MOST_ROWS, get_number, redirect
from greenroom_sandbox.services import traffic
from greenroom_sandbox.wire import curl

routes = web.RouteTableDef()


@routes.get("/traffic")
@page
async def log(request: web.Request) -> web.StreamResponse:
    """Lists the matching exchanges, newest first."""
    given = forms.query(request)
    test = given.number("take_home_id")
    wanted = traffic.Filter(
        test, call=given.optional("call"), verdict=given.optional("verdict"), ats=given.optional("ats")
    )
    fitting = [one for one in get_world(request).exchanges.all() if wanted.matches(one)]
    choices = {
        name: [(word, word.replace("_", " ")) for word in traffic.get_choices(name)]
        for name in ("call", "verdict", "ats")
    }
    rows, more = list(islice(reversed(fitting), MOST_ROWS)), max(0, len(fitting) - MOST_ROWS)
    return render(request, "traffic.html", rows=rows, more=more, wanted=wanted, choices=choices)


@routes.get("/traffic/{id}")
@page
async def one_exchange(request: web.Request) -> web.StreamResponse:
    """Shows an exchange, its problems, its curl command and the replay button."""
    exchange = get_world(request).exchanges.get(get_number(request))
    return render(
        request,
        "exchange.html",
        exchange=exchange,
        rules=[(name, *get_world(request).rules[name]) for name in exchange.rules],
        bodies={name: _laid_out(getattr(exchange, name)) for name in ("request_body", "reply_body")},
        command=curl.command(exchange),
        no_replay=traffic.explain_no_replay(exchange),
    )


@routes.post("/traffic/{id}/replay")
@page
async def replay(request: web.Request) -> web.StreamResponse:
    """Repeats a call and shows the new exchange."""
    again = await traffic.replay(request.app[SIMULATOR], get_number(request))
    return redirect(f"/traffic/{again.id}", "replayed")


@routes.post("/traffic/clear")
@page
async def clear(request: web.Request) -> web.StreamResponse:
    """Empties the log."""
    get_world(request).clear_traffic()
    return redirect("/traffic", "traffic-cleared")


def _laid_out(body: str) -> str:
    """Returns JSON indented over several lines, and other text unchanged."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
