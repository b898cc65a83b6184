"""The simulator itself: clock, wire settings, reset, health."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web
from pydantic import AwareDatetime, Field

from greenroom_sandbox import __version__
from greenroom_sandbox.api.reading import SIMULATOR, Body, body, shown
from greenroom_sandbox.clock import in_utc
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.services import company, results, settings

routes = web.RouteTableDef()


class ClockChange(Body):
    """Freezes, starts or sets the clock."""

    running: bool | None = None
    now: AwareDatetime | None = None


class Advance(Body):
    """How far to move the clock; all are added up."""

    seconds: float = Field(0, ge=0, le=10**9)
    minutes: float = Field(0, ge=0, le=10**7)
    hours: float = Field(0, ge=0, le=10**6)
    days: float = Field(0, ge=0, le=10**4)
    weeks: float = Field(0, ge=0, le=10**3)


class Profile(Body):
    """Today's Greenhouse, or an integration older than October 2019."""

    profile: str = Field(pattern="^(current|old_partner)$")


class Reset(Body):
    """What to start again with."""

    seed: int = 1
    now: AwareDatetime | None = None


@routes.get("/api/health")
async def health(request: web.Request) -> web.Response:
    """The simulator answers."""
    now = request.app[SIMULATOR].world.clock.now().isoformat()
    return shown({"ok": True, "now": now, "version": __version__})


@routes.get("/api/clock")
async def get_clock(request: web.Request) -> web.Response:
    """The virtual present, and what is to come."""
    world = request.app[SIMULATOR].world
    due = [
        {"at": at.isoformat(), "what": what, "delivery_id" if what == "delivered" else "take_home_id": about}
        for at, what, about in results.due(world)
    ]
    return shown({"now": world.clock.now().isoformat(), "running": world.clock.running, "due": due})


@routes.patch("/api/clock")
async def change_clock(request: web.Request) -> web.StreamResponse:
    """Freezes, starts or sets it."""
    world, given = request.app[SIMULATOR].world, await body(request, ClockChange)
    if given.running is not None:
        world.clock.run(given.running)
    if given.now is not None:
        world.clock.set(in_utc(given.now))
    world.save_clock()
    return await get_clock(request)


@routes.post("/api/clock/advance")
async def advance(request: web.Request) -> web.Response:
    """Moves it; what is due on the way happens."""
    given = await body(request, Advance)
    return shown(await results.advance(request.app[SIMULATOR], timedelta(**given.model_dump())))


@routes.get("/api/settings")
async def get_settings(request: web.Request) -> web.Response:
    """How the simulator speaks."""
    return shown(request.app[SIMULATOR].world.settings)


@routes.patch("/api/settings")
async def change_settings(request: web.Request) -> web.Response:
    """Changes the fields given."""
    given = (await body(request, _SettingsChange)).given()
    return shown(settings.change(request.app[SIMULATOR].world, given))


@routes.post("/api/settings/profile")
async def profile(request: web.Request) -> web.Response:
    """Sets the fields that a kind of integration differs in."""
    given = await body(request, Profile)
    return shown(settings.use_profile(request.app[SIMULATOR].world, given.profile == "old_partner"))


class _SettingsChange(Body, WireSettings):
    """Fields of the settings."""


@routes.post("/api/reset")
async def reset(request: web.Request) -> web.StreamResponse:
    """Back to the seed; settings and faults too."""
    simulator, given = request.app[SIMULATOR], await body(request, Reset)
    async with simulator.turn:
        start = in_utc(given.now) if given.now else None
        company.plant(simulator.world, given.seed, start, WireSettings())
    return await health(request)
