"""The calls for the simulator itself: clock, wire settings, reset, health."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web
from pydantic import AwareDatetime, Field

from greenroom_sandbox import __version__
from greenroom_sandbox.clock import in_utc
from greenroom_sandbox.greenhouse.services import results
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.http.reading import Body, read_body, respond
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.services import settings

routes = web.RouteTableDef()


class ClockChange(Body):
    """A change of the clock: freeze, start or set it."""

    running: bool | None = None
    now: AwareDatetime | None = None


class Advance(Body):
    """The step by which to move the clock; all fields are added up."""

    seconds: float = Field(0, ge=0, le=10**9)
    minutes: float = Field(0, ge=0, le=10**7)
    hours: float = Field(0, ge=0, le=10**6)
    days: float = Field(0, ge=0, le=10**4)
    weeks: float = Field(0, ge=0, le=10**3)


class Profile(Body):
    """The kind of integration: today's, or one from before October 2019."""

    profile: str = Field(pattern="^(current|old_partner)$")


class Reset(Body):
    """The seed and, optionally, the time at which the clock is frozen."""

    seed: int = 1
    now: AwareDatetime | None = None


@routes.get("/api/health")
async def health(request: web.Request) -> web.Response:
    """Returns the virtual time and the version."""
    now = request.app[SIMULATOR].world.clock.now().isoformat()
    return respond({"ok": True, "now": now, "version": __version__})


@routes.get("/api/clock")
async def get_clock(request: web.Request) -> web.Response:
    """Returns the virtual time and the due items."""
    world = request.app[SIMULATOR].world
    due = [
        {"at": at.isoformat(), "what": what, "delivery_id" if what == "delivered" else "take_home_id": about}
        for at, what, about in results.list_due(world)
    ]
    return respond({"now": world.clock.now().isoformat(), "running": world.clock.running, "due": due})


@routes.patch("/api/clock")
async def change_clock(request: web.Request) -> web.StreamResponse:
    """Freezes, starts or sets the clock."""
    world, given = request.app[SIMULATOR].world, await read_body(request, ClockChange)
    if given.running is not None:
        world.clock.run(given.running)
    if given.now is not None:
        world.clock.set(in_utc(given.now))
    world.save_clock()
    return await get_clock(request)


@routes.post("/api/clock/advance")
async def advance(request: web.Request) -> web.Response:
    """Moves the clock and runs everything due on the way."""
    given = await read_body(request, Advance)
    return respond(await results.advance(request.app[SIMULATOR], timedelta(**given.model_dump())))


@routes.get("/api/settings")
async def get_settings(request: web.Request) -> web.Response:
    """Returns the wire settings."""
    return respond(request.app[SIMULATOR].world.settings)


@routes.patch("/api/settings")
async def change_settings(request: web.Request) -> web.Response:
    """Changes the given wire settings."""
    given = (await read_body(request, _SettingsChange)).get_given()
    return respond(settings.change(request.app[SIMULATOR].world, given))


@routes.post("/api/settings/profile")
async def profile(request: web.Request) -> web.Response:
    """Sets the wire settings of a kind of integration."""
    given = await read_body(request, Profile)
    return respond(settings.use_profile(request.app[SIMULATOR].world, given.profile == "old_partner"))


class _SettingsChange(Body, WireSettings):
    """Wire settings to change."""


@routes.post("/api/reset")
async def reset(request: web.Request) -> web.StreamResponse:
    """Resets everything to the seed, also settings and faults."""
    simulator, given = request.app[SIMULATOR], await read_body(request, Reset)
    async with simulator.clock_lock:
        start = in_utc(given.now) if given.now else None
        simulator.world.reset(given.seed, start, WireSettings())
    return await health(request)
