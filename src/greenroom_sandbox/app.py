"""The simulator put together: its world, its caller, its API, its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from greenroom_sandbox.api import company as company_api
from greenroom_sandbox.api import completion, control, desk, faults, harvest, hooks, recruiting, resumes, traffic
from greenroom_sandbox.api.reading import refusal
from greenroom_sandbox.errors import Forbidden, SandboxError
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.services import company, results
from greenroom_sandbox.simulator import SIMULATOR, Simulator
from greenroom_sandbox.web import (
    authorize,
    clock,
    directory,
    jobs,
    kit,
    pages,
    people,
    pipeline,
    plan,
    sending,
    settings,
)
from greenroom_sandbox.web import desk as desk_pages
from greenroom_sandbox.web import faults as fault_pages
from greenroom_sandbox.web import traffic as traffic_pages
from greenroom_sandbox.wire.calls import Caller
from greenroom_sandbox.world import World

MOST_BYTES = 1024 * 1024
API = tuple(
    module.routes
    for module in (
        *(desk, company_api, recruiting, control, faults, traffic),
        *(completion, resumes, harvest, hooks),
    )
)
PAGES = tuple(
    room.routes
    for room in (
        *(pages, jobs, plan, pipeline, people, sending, kit, directory, desk_pages, settings),
        *(authorize, traffic_pages, fault_pages, clock),
    )
)


class _Status(SandboxError):
    """A refusal of the web framework's, in our shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        _check_origin(request)
        return await handler(request)
    except SandboxError as error:
        return _refused(request, error)
    except web.HTTPException as error:
        messages = {404: "there is nothing at this path", 405: f"{request.method} is not possible here"}
        return _refused(request, _Status(error.status, messages.get(error.status, error.reason)))


def _check_origin(request: web.Request) -> None:
    """Another site's page in a visitor's browser changes nothing here; what is no browser sends no Origin."""
    origin = request.headers.get("origin")
    if origin is None or request.method in ("GET", "HEAD", "OPTIONS"):
        return
    try:
        fits = URL(origin).authority == URL(f"{request.scheme}://{request.host}").authority
    except ValueError:
        fits = False
    if not fits:
        raise Forbidden("a page of another site may not do this")


def _refused(request: web.Request, error: SandboxError) -> web.StreamResponse:
    """A page for a browser, JSON for a program."""
    if "text/html" in request.headers.get("accept", ""):
        return pages.refusal(request, error)
    return refusal(error)


def build(data: Path | None, wire: WireSettings) -> web.Application:
    """The application; with a data directory its state survives a restart."""
    world = World(Journal(data))
    if not world.organizations.all():
        company.plant(world, 1, None, wire)
    caller = Caller()
    simulator = Simulator(world, caller)
    app = web.Application(client_max_size=MOST_BYTES, middlewares=[_refusals])
    app[SIMULATOR] = simulator
    for table in (*API, *PAGES):
        app.add_routes(table)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        await caller.open()
        ticking = asyncio.create_task(results.keep_time(simulator))
        yield
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await caller.close()
        world.journal.close()

    app.cleanup_ctx.append(lifetime)
    return app
