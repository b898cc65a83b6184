"""`greenroom demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from greenroom.demo import story
from greenroom.demo.processes import Ports, ProcessFailed, choose_port
from greenroom.settings import SettingsError


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story and stop; exit 1 when a step fails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
    port: Annotated[int | None, typer.Option(help="The gateway's port; default: 8000, or a free one.")] = None,
    sandbox_port: Annotated[
        int | None, typer.Option(help="The Greenhouse simulator's port; default: 8100, or a free one.")
    ] = None,
    vendor_port: Annotated[
        int | None, typer.Option(help="The demo vendor's port; default: 8200, or a free one.")
    ] = None,
) -> None:
    """Start gateway, Greenhouse simulator and a demo vendor on loopback and play one order's story over real HTTP."""
    try:
        ports = Ports(
            gateway=choose_port(port, 8000),
            sandbox=choose_port(sandbox_port, 8100),
            vendor=choose_port(vendor_port, 8200),
        )
    except ProcessFailed as error:
        raise SettingsError(str(error)) from None
    raise typer.Exit(story.run(once=once, as_json=as_json, ports=ports))
