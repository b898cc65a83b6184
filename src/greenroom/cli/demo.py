"""`greenroom demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from greenroom.cli.extras import require_extra
from greenroom.demo import story
from greenroom.demo.processes import Ports


def demo(
    once: Annotated[bool, typer.Option("--once", help="Play the story and stop; exit 1 when a step fails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON and nothing else.")] = False,
    port: Annotated[int, typer.Option(help="The gateway's port; 0 takes a free one.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(help="The Greenhouse simulator's port.")] = 8100,
    vendor_port: Annotated[int, typer.Option(help="The demo vendor's port.")] = 8200,
) -> None:
    """Start gateway, Greenhouse simulator and a demo vendor on loopback and play one order's story over real HTTP."""
    require_extra("demo")
    ports = Ports(gateway=port, sandbox=sandbox_port, vendor=vendor_port)
    raise typer.Exit(story.run(once=once, as_json=as_json, ports=ports))
