"""The simulator put together: its world, its caller, its API, its clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from greenroom_sandbox.api import company as company_api
from greenroom_sandbox.api import completion, control, desk, faults, recruiting, resumes, traffic
from greenroom_sandbox.api.reading import SIMULATOR, refusal
from greenroom_sandbox.errors import SandboxError
from greenroom_sandbox.journal import Journal
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.services import company, results
from greenroom_sandbox.simulator import Simulator
from greenroom_sandbox.wire.calls import Caller
from greenroom_sandbox.world import World

MOST_BYTES = 1024 * 1024


class _Status(SandboxError):
    """A refusal of the web framework's, in our shape."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except SandboxError as error:
        return refusal(error)
    except web.HTTPException as error:
        messages = {404: "there is nothing at this path", 405: f"{request.method} is not possible here"}
        return refusal(_Status(error.status, messages.get(error.status, error.reason)))


def build(directory: Path | None, settings: WireSettings) -> web.Application:
    """The application; with a directory its state survives a restart."""
    world = World(Journal(directory))
    if not world.organizations.all():
        company.plant(world, 1, None, settings)
    caller = Caller()
    simulator = Simulator(world, caller)
    app = web.Application(client_max_size=MOST_BYTES, middlewares=[_refusals])
    app[SIMULATOR] = simulator
    for module in (desk, company_api, recruiting, control, faults, traffic, completion, resumes):
        app.add_routes(module.routes)

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
