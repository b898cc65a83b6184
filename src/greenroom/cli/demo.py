"""`greenroom demo`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from greenroom.demo import play
from greenroom.demo.processes import Ports, ProcessFailed, choose_port, has_simulator
from greenroom.settings import SettingsError


def demo(
    ats: Annotated[Literal["greenhouse", "ashby"], typer.Option(help="The ATS of the story.")] = "greenhouse",
    once: Annotated[bool, typer.Option("--once", help="Play the story and stop; exit 1 when a step fails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
    port: Annotated[int | None, typer.Option(help="The gateway's port; default: 8000, or a free one.")] = None,
    sandbox_port: Annotated[
        int | None, typer.Option(help="The simulator's port; default: 8100, or a free one.")
    ] = None,
    vendor_port: Annotated[
        int | None, typer.Option(help="The demo vendor's port; default: 8200, or a free one.")
    ] = None,
) -> None:
    """Start gateway, ATS simulator and a demo vendor on loopback and play one order's story over real HTTP."""
    if not has_simulator():
        raise SettingsError("`greenroom demo` needs the simulator, which is not here: pip install greenroom-sandbox")
    try:
        ports = Ports(
            gateway=choose_port(port, 8000),
            sandbox=choose_port(sandbox_port, 8100),
            vendor=choose_port(vendor_port, 8200),
        )
    except ProcessFailed as error:
        raise SettingsError(str(error)) from None
    raise typer.Exit(play.run(play.STORIES[ats], once=once, as_json=as_json, ports=ports))
