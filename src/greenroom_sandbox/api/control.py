"""The simulator itself: clock, wire settings, faults, traffic, reset, health."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import get_args

from aiohttp import web
from pydantic import AwareDatetime, Field

from greenroom_sandbox import __version__
from greenroom_sandbox.api.reading import SIMULATOR, Body, body, listed, number, query_number, query_seconds, shown
from greenroom_sandbox.errors import Refused
from greenroom_sandbox.model.wire import Exchange, Fault, FaultKind, Target, Variant, WireSettings
from greenroom_sandbox.services import company, results, settings

routes = web.RouteTableDef()
LONGEST_WAIT_S = 30.0
#: which targets a kind of fault can have, the default first
TARGETS: dict[FaultKind, tuple[Target, ...]] = {
    "latency": ("any", "list_tests", "send_test", "test_status", "response_error", "completion"),
    "timeout": ("any", "list_tests", "send_test", "test_status", "response_error", "completion"),
    "reset": ("any", "list_tests", "send_test", "test_status", "response_error", "completion"),
    "wrong_credentials": ("any", "list_tests", "send_test", "test_status", "response_error"),
    "duplicate": ("send_test",),
    "malformed": ("send_test",),
    "reorder": ("test_status",),
    "status": ("completion",),
}


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


class NewFault(Body):
    """A fault to inject."""

    kind: FaultKind
    target: Target | None = None
    count: int | None = Field(None, ge=1)
    take_home_id: int | None = None
    seconds: float | None = Field(None, ge=0, le=3600)
    variant: Variant = "invalid_json"
    status: int = Field(500, ge=400, le=599)
    retry_after: int | None = Field(None, ge=0)


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
    due = [{"at": at.isoformat(), "what": what, "take_home_id": test_id} for at, what, test_id in results.due(world)]
    return shown({"now": world.clock.now().isoformat(), "running": world.clock.running, "due": due})


@routes.patch("/api/clock")
async def change_clock(request: web.Request) -> web.StreamResponse:
    """Freezes, starts or sets it."""
    world, given = request.app[SIMULATOR].world, await body(request, ClockChange)
    if given.running is not None:
        world.clock.run(given.running)
    if given.now is not None:
        world.clock.set(given.now.astimezone(UTC))
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


@routes.get("/api/faults")
async def list_faults(request: web.Request) -> web.Response:
    """Every fault with its hits."""
    return listed(list(request.app[SIMULATOR].world.faults.all()))


@routes.post("/api/faults")
async def add_fault(request: web.Request) -> web.Response:
    """Injects a fault."""
    world, given = request.app[SIMULATOR].world, await body(request, NewFault)
    target = given.target or TARGETS[given.kind][0]
    if target not in TARGETS[given.kind]:
        raise Refused(f"{given.kind} can have {', '.join(TARGETS[given.kind])}", "target")
    seconds = given.seconds
    if seconds is None:
        seconds = {"timeout": 30.0 if target == "completion" else 0.05}.get(given.kind, 1.0)
    values = given.model_dump(exclude={"target", "seconds"})
    return shown(world.faults.save(Fault(id=world.faults.next_id(), target=target, seconds=seconds, **values)), 201)


@routes.delete("/api/faults")
async def clear_faults(request: web.Request) -> web.Response:
    """Removes all."""
    world = request.app[SIMULATOR].world
    for fault in world.faults.all():
        world.faults.remove(fault.id)
    return shown({"ok": True})


@routes.delete("/api/faults/{id}")
async def remove_fault(request: web.Request) -> web.Response:
    """Removes one."""
    world = request.app[SIMULATOR].world
    world.faults.remove(world.faults.get(number(request)).id)
    return shown({"ok": True})


def _filter(request: web.Request) -> Callable[[Exchange], bool]:
    test, partner = query_number(request, "take_home_id"), query_number(request, "partner_id")
    after = query_number(request, "after") or 0
    words = {name: request.query.get(name) or None for name in ("direction", "call", "verdict")}
    for name, word in words.items():
        known = get_args(Exchange.model_fields[name].annotation)
        if word is not None and word not in known:
            raise Refused(f"must be one of {', '.join(known)}", name)
    return lambda one: (
        one.id > after
        and test in (None, one.take_home_id)
        and partner in (None, one.partner_id)
        and all(word in (None, getattr(one, name)) for name, word in words.items())
    )


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
    world = request.app[SIMULATOR].world
    for exchange in world.exchanges.all():
        world.exchanges.remove(exchange.id)
    return shown({"ok": True})


@routes.post("/api/reset")
async def reset(request: web.Request) -> web.StreamResponse:
    """Back to the seed; settings and faults too."""
    simulator, given = request.app[SIMULATOR], await body(request, Reset)
    async with simulator.turn:
        start = given.now.astimezone(UTC) if given.now else None
        company.plant(simulator.world, given.seed, start, WireSettings())
    return await health(request)
