"""Where everything is put together, and nowhere else."""

from __future__ import annotations

import asyncio
import gc
import stat
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute

from greenroom import api
from greenroom.api import faults, health
from greenroom.api.limits import BodyLimit, Quota
from greenroom.api.proxies import TrustedProxies
from greenroom.api.rate_limit import RateLimit
from greenroom.api.request_logging import RequestLogMiddleware
from greenroom.bootstrap import open_context, sole_owner
from greenroom.catalog import Catalog
from greenroom.connectors import discover
from greenroom.context import Context
from greenroom.engine.queue_limit import QueueLimit
from greenroom.engine.request_log_writer import RequestLogWriter
from greenroom.engine.slots import LEASE
from greenroom.engine.worker import Engine
from greenroom.outbound import Outbound
from greenroom.security.headers import SecurityHeaders
from greenroom.services import claims, sessions
from greenroom.settings import Settings
from greenroom.store.load_shedding import LoadSheddingStore
from greenroom.tracing import open_tracing
from greenroom.web import link, pages

VERSION = "0.1.0"
log = structlog.get_logger("greenroom")

#: objects that may be made before the youngest are searched for garbage; Python's own choice is 700
YOUNG = 10_000
#: what is in the data directory besides the encryption key
DATA_FILES = ("greenroom.db", "greenroom.db-wal", "greenroom.db-shm", "serve.lock")
#: what group and others may do with a file
OTHERS = 0o077


@dataclass(frozen=True)
class Gateway:
    """A gateway that is open: what requests and the delivery loop share."""

    ctx: Context
    out: Outbound
    catalog: Catalog
    engine: Engine


def close_data_files(settings: Settings) -> None:
    """
    Sets the data files to mode 0600, and logs a warning of what other users could read or still can.

    The encryption key is not among them: one that others could read is refused when it is read.
    """
    directory = settings.data_dir
    if directory.is_dir() and stat.S_IMODE(directory.stat().st_mode) & OTHERS:
        log.warning("data_dir_open_to_others", path=str(directory), next_step=f"chmod 700 {directory}")
    for name in DATA_FILES:
        path = directory / name
        with suppress(FileNotFoundError):  # what SQLite keeps beside its database comes and goes
            if not stat.S_IMODE(path.stat().st_mode) & OTHERS:
                continue
            try:
                path.chmod(0o600)
                log.warning("data_file_was_open_to_others", path=str(path), mode="now 0600")
            except PermissionError:
                log.warning("data_file_open_to_others", path=str(path), next_step=f"chmod 600 {path}")


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Everything but the HTTP server; deliveries are not started yet."""
    close_data_files(settings)
    async with AsyncExitStack() as stack:
        ctx = await stack.enter_async_context(open_context(settings))
        out = Outbound(
            allowed_networks=settings.allow_private_networks,
            allow_http=settings.allow_http,
            user_agent=f"Greenroom/{VERSION}",
        )
        stack.push_async_callback(out.aclose)
        tracing = open_tracing(settings, version=VERSION)
        if tracing is not None:
            stack.push_async_callback(asyncio.to_thread, tracing.close)
            ctx = replace(ctx, tracing=tracing)
        engine = Engine(ctx, out)
        # requests can be told to come back; the engine's few units of work always find room
        store = LoadSheddingStore(ctx.store)
        ctx = replace(ctx, engine=engine, store=store)
        yield Gateway(ctx, out, Catalog(ctx, out), engine)


@asynccontextmanager
async def delivering(gateway: Gateway, *, alone: bool = False) -> AsyncIterator[None]:
    """
    The delivery loop, running; at the end it finishes what is under way.

    `alone`: no other worker can live on this database, so what a killed one left is repeated at once.
    """
    if alone:
        await claims.interrupt(gateway.ctx, lease=LEASE)
    running = asyncio.create_task(gateway.engine.run(), name="engine")
    try:
        yield
    finally:
        await gateway.engine.stop()
        await running


@asynccontextmanager
async def watching_queue_limit(queue_limit: QueueLimit) -> AsyncIterator[None]:
    """What waits for each project is looked at, for as long as the block runs."""
    running = asyncio.create_task(queue_limit.run(), name="queue_limit")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def recording_requests(ctx: Context) -> AsyncIterator[RequestLogWriter]:
    """The request log, being written; at the end what waits is written too."""
    request_log = RequestLogWriter(ctx)
    running = asyncio.create_task(request_log.run(), name="request-log")
    try:
        yield request_log
    finally:
        request_log.stop()
        await running


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """
    A gateway that delivers, for as long as the block runs.

    Raises:
        SettingsError, VaultError, Unavailable: it cannot start; each says what an operator can do.
    """
    async with (
        sole_owner(settings),
        open_gateway(settings) as gateway,
        delivering(gateway, alone=not settings.database_url),
    ):
        yield gateway


def build_app(settings: Settings, gateway: Gateway | None = None) -> FastAPI:
    """The ASGI application on a running gateway; without one its lifespan runs its own."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running: AbstractAsyncContextManager[Gateway] = nullcontext(gateway) if gateway else running_gateway(settings)
        async with (
            running as opened,
            watching_queue_limit(opened.engine.queue_limit),
            recording_requests(opened.ctx) as request_log,
        ):
            app.state.request_log = request_log
            app.state.ctx, app.state.out, app.state.catalog = opened.ctx, opened.out, opened.catalog
            app.state.engine = opened.engine
            app.state.rate_limit = RateLimit(opened.ctx)
            app.state.first_link = await sessions.first_link(opened.ctx)
            # an ATS's calls come first: every route in front of them is tried on each of the busiest requests
            called = [route for one in discover().values() for route in one.routes(opened.ctx, opened.catalog)]
            app.router.routes[:] = [*called, *app.router.routes, *pages.routes(), *link.routes()]
            yield

    app = FastAPI(
        title="Greenroom",
        version=VERSION,
        summary="Gateway between applicant-tracking systems and vendors of assessments and background checks",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a client that followed would show its key again, perhaps over plain http
    )
    faults.install(app)
    for router in api.build_routers():
        # not include_router, which builds every route anew for each application and adds a step to each request
        app.router.routes.extend(router.routes)
    app.add_middleware(Quota, free={route.path for route in health.router.routes if isinstance(route, APIRoute)})
    app.add_middleware(BodyLimit, https_only=settings.is_https)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(TrustedProxies, networks=settings.trusted_proxies)
    app.add_middleware(SecurityHeaders, https=settings.is_https)
    return app


def collect_garbage_seldom() -> None:
    """
    Leave all that is there now (modules, routes, schemas) out of every later garbage collection, and collect seldom.

    For a process that has started up and serves until its end: each full collection would walk through it again. Hardly
    anything here refers to itself, so a collection finds little; reading a large JSON text sets off hundreds of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
