"""The virtual clock: where it stands, what is to come, and moving it; and who is polled by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

from aiohttp import web

from greenroom_sandbox.clock import in_utc
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.services import desk, results
from greenroom_sandbox.simulator import SIMULATOR
from greenroom_sandbox.web import forms
from greenroom_sandbox.web.pages import MOST_ROWS, number, page, see, shown, world_of

routes = web.RouteTableDef()
UNITS = ("minutes", "hours", "days", "weeks")
#: ten years, as far as the clock goes
MOST = timedelta(weeks=520)


@routes.get("/clock")
@page
async def show_clock(request: web.Request) -> web.StreamResponse:
    """The clock."""
    return _clock(request, forms.query(request), None)


@routes.post("/clock/advance")
@page
async def advance(request: web.Request) -> web.StreamResponse:
    """Moves it; what is due on the way happens."""
    given = await forms.read(request)
    try:
        await results.advance(request.app[SIMULATOR], _how_far(given))
    except Refused as error:
        return _clock(request, given, error)
    return see("/clock", "clock-moved")


@routes.post("/clock")
@page
async def change(request: web.Request) -> web.StreamResponse:
    """Sets it, or lets it run or stand."""
    world, given = world_of(request), await forms.read(request)
    try:
        if given.text("running"):
            world.clock.run(given.one_of("running", ("yes", "no")) == "yes")
        else:
            world.clock.set(_moment(given.required("now")))
    except Refused as error:
        return _clock(request, given, error)
    world.save_clock()
    return see("/clock", "clock-changed")


@routes.post("/clock/polling/{id}")
@page
async def switch_polling(request: web.Request) -> web.StreamResponse:
    """Polls a partner every hour from now on, or not."""
    given = await forms.read(request)
    polling = given.one_of("polling", ("on", "off")) == "on"
    desk.change_partner(world_of(request), number(request), {"polling": polling})
    return see("/clock", "polling", anchor="polling")


def _how_far(given: forms.Form) -> timedelta:
    amount = given.number("amount")
    if amount is None:
        raise Refused("is required", "amount")
    unit = given.one_of("unit", UNITS)
    if amount > MOST // timedelta(**{unit: 1}):
        raise Refused("is more than ten years", "amount")
    return timedelta(**{unit: amount})


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("must be a date and a time, like 2026-01-31T12:00", "now") from None
    return in_utc(at) if at.tzinfo else at.replace(tzinfo=UTC)


def _clock(request: web.Request, given: forms.Form, error: Refused | None) -> web.Response:
    world = world_of(request)
    due = results.due(world)
    return shown(
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
