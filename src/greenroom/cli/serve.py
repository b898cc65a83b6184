"""`greenroom serve` and `greenroom work`."""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvloop
from fastapi import FastAPI

from greenroom.app import (
    Gateway,
    build_app,
    build_health_app,
    collect_garbage_seldom,
    delivering,
    open_gateway,
    running_gateway,
)
from greenroom.bootstrap import open_context
from greenroom.cli import logs
from greenroom.cli.many import WorkerProcesses
from greenroom.errors import Refused
from greenroom.security.vault import VaultError
from greenroom.server import Server
from greenroom.services import installation
from greenroom.settings import Settings, SettingsError

log = structlog.get_logger("greenroom")

#: addresses that a browser on this machine can open, by the wildcard address that the gateway listens on
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}  # noqa: S104 - compared, not bound


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that share the port; more than one needs PostgreSQL.")] = 1,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """
    Run the gateway: API, dashboard and delivery in one process. Prints its address once it answers; the first start
    also prints a link that signs you in.
    """
    settings = Settings.from_environment(data_dir=data)
    logs.configure(settings)
    if workers > 1 and not settings.database_url:
        raise SettingsError("--workers needs PostgreSQL: set GREENROOM_DATABASE_URL. SQLite takes one process.")
    if settings.is_https and not settings.trusted_proxies:
        log.warning("no_trusted_proxy", note="GREENROOM_TRUSTED_PROXIES names the proxy that speaks https for us")
    listener = _listen(host, port)
    everywhere = host in WILDCARDS and "public_url" not in settings.model_fields_set
    settings = _with_public_url(settings, host, listener.getsockname()[1])

    def print_address() -> None:
        print(f"Greenroom: {settings.public_url}", flush=True)
        if everywhere:
            print("Listening on every address. Set GREENROOM_PUBLIC_URL to the one that others use.", file=sys.stderr)

    if workers > 1:
        asyncio.run(_check(settings))
        each = [_with_metrics_port(settings, number) for number in range(workers)]
        raise typer.Exit(WorkerProcesses(_serve_as_worker, each, listener).run(print_address))
    _run(_serve(settings, listener, print_address))


def _run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a long-lived coroutine on uvloop, which is faster than the default event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def _serve(settings: Settings, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    # the gateway is opened before the server starts, so that its errors are one line and not a server's traceback
    async with running_gateway(settings) as gateway, _serving_health(settings, gateway):
        app = build_app(settings, gateway)
        await installation.save_public_url(gateway.ctx.store, gateway.ctx.vault, settings.public_url)
        server = _Server(app, gateway.engine.stop, on_ready)
        # uvicorn raises the signal again after its shutdown; with this handler the process still exits with status 0.
        # An earlier signal ends the process at once, since there is no request or attempt to finish
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        with _stopping_with_parent(server):
            await server.serve(sockets=[listener])
    if not server.started:
        raise typer.Exit(1)


def work() -> None:
    """Run delivery workers alone, beside any number of `serve` processes on the same PostgreSQL."""
    settings = Settings.from_environment()
    logs.configure(settings)
    if not settings.database_url:
        raise SettingsError("work needs PostgreSQL: set GREENROOM_DATABASE_URL. With SQLite, serve delivers by itself.")
    _run(_work(settings))


async def _work(settings: Settings) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with open_gateway(settings) as gateway, delivering(gateway), _serving_health(settings, gateway):
        collect_garbage_seldom()
        print(f"Delivering as {gateway.engine.worker}", flush=True)
        await stopped.wait()


class _HealthServer(Server):
    """The server of `metrics_address`; the process's signals are the main server's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _serving_health(settings: Settings, gateway: Gateway) -> AsyncIterator[None]:
    """Serves liveness, readiness and metrics on `metrics_address` for the block, if there is one."""
    address = settings.get_metrics_listener()
    if address is None:
        yield
        return
    listener = _listen(*address, choose="GREENROOM_METRICS_ADDRESS")
    server = _HealthServer(build_health_app(gateway))
    running = asyncio.create_task(server.serve(sockets=[listener]), name="health")
    try:
        yield
    finally:
        server.should_exit = True
        await running


class _Server(Server):
    """A server that reports when it is ready, and stops claiming deliveries before it stops serving."""

    def __init__(
        self, app: FastAPI, stop_delivering: Callable[[], Awaitable[None]], on_ready: Callable[[], None]
    ) -> None:
        super().__init__(app)
        self._app = app
        self._stop_delivering = stop_delivering
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            collect_garbage_seldom()
            self._on_ready()
            if self._app.state.first_link:
                print(f"Sign in: {self._app.state.first_link}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops claiming deliveries, then drains the connections."""
        await self._stop_delivering()
        await super().shutdown(sockets)


@contextmanager
def _stopping_with_parent(server: Server) -> Iterator[None]:
    """Stops the server if the process that started it with `--workers` ends without stopping it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return

    def stop() -> None:
        loop.remove_reader(parent.sentinel)
        server.should_exit = True

    loop = asyncio.get_running_loop()
    loop.add_reader(parent.sentinel, stop)
    try:
        yield
    finally:
        loop.remove_reader(parent.sentinel)


def _listen(host: str, port: int, *, choose: str = "--port") -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise SettingsError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another {choose}.") from None
    return listener


def _with_metrics_port(settings: Settings, number: int) -> Settings:
    """Returns the settings of one of several processes: each has a metrics port, the first one the configured."""
    address = settings.get_metrics_listener()
    if address is None:
        return settings
    host, port = address
    name = f"[{host}]" if ":" in host else host
    return settings.model_copy(update={"metrics_address": f"{name}:{port + number}"})


def _with_public_url(settings: Settings, host: str, port: int) -> Settings:
    """
    Returns settings whose public URL a browser can open.

    Without GREENROOM_PUBLIC_URL it is the listening address; a wildcard address stands for this machine's loopback.
    """
    if "public_url" in settings.model_fields_set:
        return settings
    name = WILDCARDS.get(host) or (f"[{host}]" if ":" in host else host)
    return settings.model_copy(update={"public_url": f"http://{name}:{port}"})


async def _check(settings: Settings) -> None:
    """Opens the gateway's context once, so that its errors are raised before worker processes are started."""
    async with open_context(settings):
        pass


def _serve_as_worker(settings: Settings, listener: socket.socket, ready: Event) -> None:
    """Runs one of the processes that share a port; it also stops if the process that started it ends."""
    # Ctrl-C in a terminal reaches every process; the parent handles it and terminates the workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logs.configure(settings)
    try:
        _run(_serve(settings, listener, ready.set))
    except (SettingsError, VaultError, Refused) as error:
        sys.exit(f"greenroom: {error}")
    except typer.Exit as end:
        sys.exit(end.exit_code)
