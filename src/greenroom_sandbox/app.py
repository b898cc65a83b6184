"""The aiohttp application of the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from yarl import URL

from greenroom_sandbox.api import control, faults, traffic
from greenroom_sandbox.ashby.api import desk as ashby_desk
from greenroom_sandbox.ashby.api import partners as ashby_partners
from greenroom_sandbox.ashby.api import recruiting as ashby_recruiting
from greenroom_sandbox.ashby.company import plant as plant_ashby
from greenroom_sandbox.ashby.state import ASHBY, Ashby
from greenroom_sandbox.ashby.web import admin as ashby_admin_pages
from greenroom_sandbox.ashby.web import frame as ashby_frame
from greenroom_sandbox.ashby.web import recruiter as ashby_recruiter_pages
from greenroom_sandbox.errors import Forbidden, SandboxError
from greenroom_sandbox.greenhouse.api import company as company_api
from greenroom_sandbox.greenhouse.api import completion, desk, harvest, hooks, recruiting, resumes
from greenroom_sandbox.greenhouse.services import company, results
from greenroom_sandbox.greenhouse.simulator import SIMULATOR, Simulator
from greenroom_sandbox.greenhouse.web import authorize, directory, jobs, kit, pages, people, pipeline, plan, sending
from greenroom_sandbox.greenhouse.web import desk as desk_pages
from greenroom_sandbox.greenhouse.world import World
from greenroom_sandbox.http import frame
from greenroom_sandbox.http.reading import respond_error
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.kernel import KERNEL
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.web import clock, settings
from greenroom_sandbox.web import faults as fault_pages
from greenroom_sandbox.web import traffic as traffic_pages
from greenroom_sandbox.wire.calls import HttpClient

MOST_BYTES = 1024 * 1024
API = tuple(
    module.routes
    for module in (
        *(desk, company_api, recruiting, control, faults, traffic),
        *(completion, resumes, harvest, hooks),
    )
)
ASHBY_ROUTES = (
    *(ashby_partners.routes, ashby_desk.routes, ashby_recruiting.routes),
    *(ashby_frame.routes, ashby_recruiter_pages.routes, ashby_admin_pages.routes),
)
PAGES = tuple(
    module.routes
    for module in (
        *(frame, pages, jobs, plan, pipeline, people, sending, kit, directory, desk_pages, settings),
        *(authorize, traffic_pages, fault_pages, clock),
    )
)


class _Status(SandboxError):
    """An error of the web framework, as a `SandboxError`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@web.middleware
async def _handle_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        _check_origin(request)
        return await handler(request)
    except SandboxError as error:
        return _render_error(request, error)
    except web.HTTPException as error:
        messages = {404: "there is nothing at this path", 405: f"{request.method} is not possible here"}
        return _render_error(request, _Status(error.status, messages.get(error.status, error.reason)))


def _check_origin(request: web.Request) -> None:
    """Refuses a changing request from another site's page.

    Browsers send ``Origin`` with such a request; other programs do not, and may do everything. Raises: `Forbidden`.
    """
    origin = request.headers.get("origin")
    if origin is None or request.method in ("GET", "HEAD", "OPTIONS"):
        return
    try:
        fits = URL(origin).authority == URL(f"{request.scheme}://{request.host}").authority
    except ValueError:
        fits = False
    if not fits:
        raise Forbidden("a page of another site may not do this")


def _render_error(request: web.Request, error: SandboxError) -> web.StreamResponse:
    """Returns the error as a page for a browser and as JSON for other programs."""
    if "text/html" in request.headers.get("accept", ""):
        return pages.render_error(request, error)
    return respond_error(error)


def build(data: Path | None, wire: WireSettings) -> web.Application:
    """Returns the application.

    With a data directory its state survives a restart.
    """
    world = World(Journal(data))
    caller = HttpClient()
    ashby = Ashby(world, caller)
    world.seeders += [lambda: company.plant(world), lambda: plant_ashby(ashby)]
    if not world.organizations.all():
        world.reset(1, None, wire)
    elif not ashby.organizations.all():  # the data is of a version without Ashby
        plant_ashby(ashby)
    simulator = Simulator(world, caller)
    app = web.Application(client_max_size=MOST_BYTES, middlewares=[_handle_errors])
    app[SIMULATOR] = simulator
    app[KERNEL] = world
    app[ASHBY] = ashby
    for table in (*API, *PAGES, *ASHBY_ROUTES):
        app.add_routes(table)

    async def lifetime(_: web.Application) -> AsyncIterator[None]:
        await caller.open()
        clock_task = asyncio.create_task(results.run_clock(simulator))
        yield
        clock_task.cancel()
        await asyncio.gather(clock_task, return_exceptions=True)
        await caller.close()
        world.journal.close()

    app.cleanup_ctx.append(lifetime)
    return app
