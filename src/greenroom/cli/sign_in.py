"""`greenroom sign-in-link`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from greenroom.bootstrap import open_context
from greenroom.services import installation, sessions
from greenroom.settings import Settings


def sign_in_link(
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """
    Print a link that signs in the owner, once, within 15 minutes.

    It starts with GREENROOM_PUBLIC_URL if that is set, else with the address of the gateway that started last on this
    database.
    """
    link = asyncio.run(_make_link(Settings.from_environment(data_dir=data)))
    print(f"Sign in: {link}")


async def _make_link(settings: Settings) -> str:
    async with open_context(settings) as ctx:
        return await sessions.make_link(await installation.with_public_url(ctx))
