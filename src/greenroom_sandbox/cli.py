"""The command ``greenroom-sandbox``."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from aiohttp import web

from greenroom_sandbox.app import build
from greenroom_sandbox.ashby.state import ASHBY
from greenroom_sandbox.errors import SandboxError
from greenroom_sandbox.greenhouse.simulator import SIMULATOR
from greenroom_sandbox.model.wire import WireSettings
from greenroom_sandbox.wire.address import check_base_url


def run(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 8100,
    data: Annotated[Path | None, typer.Option(help="Directory that keeps the state over a restart.")] = None,
    allow_http: Annotated[
        bool | None,
        typer.Option("--allow-http/--no-allow-http", help="Plain http for partner URLs; default: loopback."),
    ] = None,
    public_url: Annotated[str | None, typer.Option(help="Base of the URLs it hands out; default: its address.")] = None,
) -> None:
    """Play Greenhouse for an Assessment API partner. Prints its address once it answers."""
    http = {None: "loopback", True: "allowed", False: "refused"}[allow_http]
    try:
        base = check_base_url("--public-url", public_url) if public_url else None
        asyncio.run(_serve(host, port, data, WireSettings.model_validate({"http": http, "public_url": base})))
    except (SandboxError, OSError) as error:
        about = f"{error.field} " if isinstance(error, SandboxError) and error.field else ""
        print(f"greenroom-sandbox: {about}{error}", file=sys.stderr)
        raise typer.Exit(1) from None


async def _serve(host: str, port: int, data: Path | None, settings: WireSettings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    app = build(data, settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        name, taken = runner.addresses[0][:2]
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 - an address that a browser opens
        app[SIMULATOR].base = f"http://[{name}]:{taken}" if ":" in name else f"http://{name}:{taken}"
        app[ASHBY].base = app[SIMULATOR].base
        print(f"Greenhouse simulator: {app[SIMULATOR].base}", flush=True)
        await stopped.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Runs the command."""
    typer.run(run)
