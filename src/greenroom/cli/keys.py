"""`greenroom keys`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from greenroom.bootstrap import describe_database, open_context
from greenroom.context import Context
from greenroom.model.events import stamp
from greenroom.services import installation, projects
from greenroom.settings import Settings

T = TypeVar("T")
app = typer.Typer(help="API keys of projects; the encryption key's rotation.", no_args_is_help=True)
Data = Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")]


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="The purpose of the key.")],
    project: Annotated[
        str, typer.Option(help="The project of the key; created if it does not exist.")
    ] = projects.DEFAULT,
    data: Data = None,
) -> None:
    """Make an API key. It is printed this once, alone on stdout; stderr names the database that stores it."""
    print(_with_context(data, lambda ctx: projects.create_key(ctx, name=name, project=project)))
    print(f"Stored in {describe_database(Settings.from_environment(data_dir=data))}", file=sys.stderr)


@app.command("list")
def list_keys(data: Data = None) -> None:
    """Show every key: id, project, name, last four characters, when it was last used, whether it is revoked."""
    for key in _with_context(data, projects.list_keys):
        used = f"used {stamp(key.last_used_at)}" if key.last_used_at else "never used"
        state = f"revoked {stamp(key.revoked_at)}" if key.revoked_at else used
        print(f"{key.id}  {key.project_name}  {key.name}  …{key.hint}  {state}")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")], data: Data = None) -> None:
    """Revoke a key now."""
    _with_context(data, lambda ctx: projects.revoke_key(ctx, key_id))
    print(f"Revoked {key_id}.")


@app.command("reseal")
def reseal(data: Data = None) -> None:
    """
    Encrypt every stored secret again with the newest key of GREENROOM_SECRET_KEY, while gateways run; the third step of
    a key rotation. Can be repeated. Exits 1 if a value could not be decrypted, or changed in the meantime.
    """
    columns = _with_context(data, lambda ctx: installation.reseal(ctx.store, ctx.vault))
    for one in columns:
        if one.resealed:
            print(f"{one.where.table}.{one.where.column}: {one.resealed} resealed")
    print(f"{sum(one.resealed for one in columns)} values resealed; the others were under the newest key already.")
    for one in columns:
        name = f"{one.where.table}.{one.where.column}"
        if one.unreadable:
            print(f"{name}: {one.unreadable} could not be opened. {one.reason}", file=sys.stderr)
        if one.changed:
            print(f"{name}: {one.changed} changed meanwhile. Run this again.", file=sys.stderr)
    if any(one.unreadable or one.changed for one in columns):
        raise typer.Exit(1)


def _with_context(data: Path | None, command: Callable[[Context], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_context(Settings.from_environment(data_dir=data)) as ctx:
            return await command(ctx)

    return asyncio.run(run())
