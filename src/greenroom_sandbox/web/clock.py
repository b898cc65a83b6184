"""The page of the virtual clock: time, due items, and hourly polling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from aiohttp import web

from greenroom_sandbox.clock import in_utc
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.greenhouse.services import desk, results
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.greenhouse.web.pages import get_world, page, render
from greenroom_sandbox.http import forms
from greenroom_sandbox.http.frame import MOST_ROWS, get_number, redirect

routes = web.RouteTableDef()
UNITS = ("minutes", "hours", "days", "weeks")
#: largest step, about ten years: the clock's own limit
MOST = timedelta(weeks=520)


@routes.get("/clock")
@page
async def show_clock(request: web.Request) -> web.StreamResponse:
    """Shows the clock."""
    return _clock(request, forms.query(request), None)


@routes.post("/clock/advance")
@page
async def advance(request: web.Request) -> web.StreamResponse:
    """Moves the clock and runs everything due on the way."""
    given = await forms.read(request)
    try:
        await results.advance(request.app[SIMULATOR], _parse_step(given))
    except Refused as error:
        return _clock(request, given, error)
    return redirect("/clock", "clock-moved")


@routes.post("/clock")
@page
async def change(request: web.Request) -> web.StreamResponse:
    """Sets, starts or freezes the clock."""
    world, given = get_world(request), await forms.read(request)
    try:
        if given.text("running"):
            world.clock.run(given.one_of("running", ("yes", "no")) == "yes")
        else:
            world.clock.set(_parse_time(given.required("now")))
    except Refused as error:
        return _clock(request, given, error)
    world.save_clock()
    return redirect("/clock", "clock-changed")


@routes.post("/clock/polling/{id}")
@page
async def switch_polling(request: web.Request) -> web.StreamResponse:
    """Switches a partner's hourly polling."""
    given = await forms.read(request)
    polling = given.one_of("polling", ("on", "off")) == "on"
    desk.change_partner(get_world(request), get_number(request), {"polling": polling})
    return redirect("/clock", "polling", anchor="polling")


def _parse_step(given: forms.Form) -> timedelta:
    amount = given.number("amount")
    if amount is None:
        raise Refused("is required", "amount")
    unit = given.one_of("unit", UNITS)
    if amount > MOST // timedelta(**{unit: 1}):
        raise Refused("is more than ten years", "amount")
    return timedelta(**{unit: amount})


def _parse_time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("must be a date and a time, like 2026-01-31T12:00", "now") from None
    return in_utc(at) if at.tzinfo else at.replace(tzinfo=UTC)


def _clock(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world = get_world(request)
    due = results.list_due(world)
    return render(
        request,
        "clock.html",
        error.status if error else 200,
        running=world.clock.running,
        due=list(islice(due, MOST_ROWS)),
        more=max(0, len(due) - MOST_ROWS),
        partners=world.partners.all(),
        units=[(unit, unit) for unit in UNITS],
        given=given,
        error=error,
    )
