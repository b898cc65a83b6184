"""Assembly of the application from settings, store, engine and routes."""

from __future__ import annotations

import asyncio
import gc
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute

from greenroom import api
from greenroom.api import events, faults, health
from greenroom.api.limits import BodyLimit, KeyRateLimit
from greenroom.api.proxies import TrustedProxies
from greenroom.api.rate_limit import RateLimit
from greenroom.api.request_logging import RequestLogMiddleware
from greenroom.bootstrap import open_context, sole_owner
from greenroom.catalog import Catalog
from greenroom.connectors import discover, get_addresses, oauth
from greenroom.context import Context
from greenroom.doctor.alerts import send_next
from greenroom.doctor.recent import RecentFindings
from greenroom.doctor.watch import diagnose_next
from greenroom.engine.queue_limit import QueueLimit
from greenroom.engine.refused_call_writer import RefusedCallWriter
from greenroom.engine.request_log_writer import RequestLogWriter
from greenroom.engine.slots import LEASE
from greenroom.engine.worker import Engine
from greenroom.hub.refused_origins import RefusedOrigins
from greenroom.hub.routes import build_routes as build_hub_routes
from greenroom.intake import Intake
from greenroom.mail_settings import read_mail_server, read_sender
from greenroom.model.audit import SYSTEM
from greenroom.otlp_metrics import open_metrics_export
from greenroom.outbound import Outbound, Proxy
from greenroom.security.headers import SecurityHeaders
from greenroom.services import claims, enrichments, funnel, sessions
from greenroom.settings import Settings
from greenroom.store.load_shedding import LoadSheddingStore
from greenroom.tracing import open_tracing
from greenroom.web.routes import build_routes

if TYPE_CHECKING:  # see open_mailer
    from greenroom.outbound.mail import Mailer

VERSION = "0.1.0"
log = structlog.get_logger("greenroom")

#: allocations between two collections of the youngest generation; Python's default is 700
YOUNG = 10_000
#: files in the data directory besides the encryption key
DATA_FILES = ("greenroom.db", "greenroom.db-wal", "greenroom.db-shm", "serve.lock")
METRICS_ROUTE = next(one for one in health.router.routes if isinstance(one, APIRoute) and one.path == "/metrics")
#: permission bits of group and others
OTHERS = 0o077


@dataclass(frozen=True)
class Gateway:
    """An open gateway: the parts that requests and the delivery loop share."""

    ctx: Context
    out: Outbound
    intake: Intake
    engine: Engine
    mailer: Mailer | None = None


def close_data_files(settings: Settings) -> None:
    """
    Sets the data files to mode 0600 and logs a warning for each that other users could read.

    The encryption key is not among them: loading a key that others can read fails.
    """
    directory = settings.data_dir
    if directory.is_dir() and stat.S_IMODE(directory.stat().st_mode) & OTHERS:
        log.warning("data_dir_open_to_others", path=str(directory), next_step=f"chmod 700 {directory}")
    for name in DATA_FILES:
        path = directory / name
        with suppress(FileNotFoundError):  # SQLite creates and deletes the -wal and -shm files itself
            if not stat.S_IMODE(path.stat().st_mode) & OTHERS:
                continue
            try:
                path.chmod(0o600)
                log.warning("data_file_was_open_to_others", path=str(path), mode="now 0600")
            except PermissionError:
                log.warning("data_file_open_to_others", path=str(path), next_step=f"chmod 600 {path}")


@asynccontextmanager
async def open_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Opens all parts of the gateway but the HTTP server; the delivery loop is not started yet."""
    get_addresses(settings)  # refuses unknown names before anything is opened
    close_data_files(settings)
    async with AsyncExitStack() as stack:
        ctx = await stack.enter_async_context(open_context(settings))
        out = Outbound(
            allowed_networks=settings.allow_private_networks,
            allow_http=settings.allow_http,
            user_agent=f"Greenroom/{VERSION}",
            proxy=Proxy.read(settings.outbound_proxy) if settings.outbound_proxy else None,
        )
        stack.push_async_callback(out.aclose)
        stack.push_async_callback(oauth.finish_requests)
        tracing = open_tracing(settings, version=VERSION)
        if tracing is not None:
            stack.push_async_callback(asyncio.to_thread, tracing.close)
            ctx = replace(ctx, tracing=tracing)
        jobs: dict[str, Callable[[Context], Awaitable[float]]] = {"findings": diagnose_next}
        if mailer := open_mailer(settings):
            stack.callback(mailer.close)
            jobs["alert_mails"] = partial(send_next, mailer=mailer)
        funnel.show_from_zero(discover())
        engine = Engine(ctx, out, jobs=jobs)
        # only requests are shed under load: a client can retry, and the engine has few units of work
        store = LoadSheddingStore(ctx.store)
        ctx = replace(ctx, engine=engine, store=store, actor=SYSTEM)
        if settings.otlp_metrics:
            await stack.enter_async_context(exporting_metrics(ctx))
        yield Gateway(ctx, out, Intake(ctx, Catalog(ctx, out), out), engine, mailer)


def open_mailer(settings: Settings) -> Mailer | None:
    """Returns the mailer, or None without a mail server: few installations pay for the import of its library."""
    if not settings.smtp_url:
        return None
    from greenroom.outbound.mail import Mailer

    return Mailer(read_mail_server(settings.smtp_url), read_sender(settings.mail_from))


@asynccontextmanager
async def delivering(gateway: Gateway, *, alone: bool = False) -> AsyncIterator[None]:
    """
    Runs the delivery loop for the block; on exit waits for in-flight attempts.

    `alone` says that no other worker can use this database, so deliveries that a killed worker left in flight are due
    at once.
    """
    if alone:
        await claims.interrupt(gateway.ctx, lease=LEASE)
        await enrichments.interrupt(gateway.ctx)
    running = asyncio.create_task(gateway.engine.run(), name="engine")
    try:
        yield
    finally:
        await gateway.engine.stop()
        await running


@asynccontextmanager
async def exporting_metrics(ctx: Context) -> AsyncIterator[None]:
    """Exports the figures of `/metrics` for as long as the block runs, and once at its end."""
    export = open_metrics_export(VERSION)

    async def run() -> None:
        while True:
            await asyncio.sleep(export.interval_s)
            await health.refresh_gauges(ctx)
            await asyncio.to_thread(export.send)

    running = asyncio.create_task(run(), name="otlp-metrics")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(export.close)


@asynccontextmanager
async def watching_queue_limit(queue_limit: QueueLimit) -> AsyncIterator[None]:
    """Refreshes the projects at their queue limit for as long as the block runs."""
    running = asyncio.create_task(queue_limit.run(), name="queue_limit")
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def recording_requests(ctx: Context) -> AsyncIterator[RequestLogWriter]:
    """Writes the request log for as long as the block runs; on exit writes the queued entries."""
    request_log = RequestLogWriter(ctx)
    running = asyncio.create_task(request_log.run(), name="request-log")
    try:
        yield request_log
    finally:
        request_log.stop()
        await running


@asynccontextmanager
async def storing_refused_calls(ctx: Context) -> AsyncIterator[None]:
    """Stores refused calls of ATSs for as long as the block runs; on exit stores those that wait."""
    writer = RefusedCallWriter(ctx)
    running = asyncio.create_task(writer.run(), name="refused-calls")
    try:
        yield
    finally:
        writer.stop()
        await running


@asynccontextmanager
async def running_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """
    Opens a gateway and delivers for as long as the block runs.

    Raises:
        SettingsError, VaultError, Unavailable: the gateway cannot start; the message names the remedy.
    """
    async with (
        sole_owner(settings),
        open_gateway(settings) as gateway,
        delivering(gateway, alone=not settings.database_url),
    ):
        yield gateway


def build_app(settings: Settings, gateway: Gateway | None = None) -> FastAPI:
    """
    Returns the ASGI application of a running gateway.

    Without a gateway, the application's lifespan runs one of its own.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        running: AbstractAsyncContextManager[Gateway] = nullcontext(gateway) if gateway else running_gateway(settings)
        async with (
            running as opened,
            watching_queue_limit(opened.engine.queue_limit),
            recording_requests(opened.ctx) as request_log,
            storing_refused_calls(opened.ctx),
        ):
            app.state.request_log = request_log
            app.state.ctx, app.state.out = opened.ctx, opened.out
            app.state.intake, app.state.catalog = opened.intake, opened.intake.packages
            app.state.engine, app.state.mailer = opened.engine, opened.mailer
            app.state.findings, app.state.refused_origins = RecentFindings(), RefusedOrigins()
            app.state.rate_limit = RateLimit(opened.ctx)
            app.state.first_link = await sessions.first_link(opened.ctx)
            # the ATS routes come first: they serve most requests, and each route before them costs a match
            called = [route for one in discover().values() for route in one.routes(opened.ctx, opened.intake)]
            app.router.routes[:] = [*called, *app.router.routes, *build_hub_routes(), *build_routes()]
            yield

    app = FastAPI(
        title="Greenroom",
        version=VERSION,
        summary="Gateway between applicant-tracking systems and vendors of assessments and background checks",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a client that follows a redirect sends its key again, perhaps over plain http
    )
    faults.install(app)
    events.install(app)
    for router in api.build_routers():
        # with an address of their own, the metrics are not on the public port
        routes = [one for one in router.routes if not (settings.metrics_address and one is METRICS_ROUTE)]
        # include_router would build every route anew for each application and slow down each request
        app.router.routes.extend(routes)
    app.add_middleware(KeyRateLimit, free={route.path for route in health.router.routes if isinstance(route, APIRoute)})
    app.add_middleware(BodyLimit, https_only=settings.is_https)
    app.add_middleware(RequestLogMiddleware)
    app.add_middleware(TrustedProxies, networks=settings.trusted_proxies)
    app.add_middleware(SecurityHeaders, https=settings.is_https)
    return app


def build_health_app(gateway: Gateway) -> FastAPI:
    """Returns the ASGI application of `metrics_address`: liveness, readiness and metrics of this process."""
    app = FastAPI(openapi_url=None)
    faults.install(app)
    app.router.routes.extend(health.router.routes)
    app.add_middleware(SecurityHeaders, https=False)
    app.state.ctx = gateway.ctx
    return app


def collect_garbage_seldom() -> None:
    """
    Excludes all present objects from garbage collection, and makes collections rare.

    For a server process after start-up: a full collection would walk through every module, route and schema again. Few
    objects here are part of a cycle, so a collection frees little, and reading a large JSON text triggers hundreds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
