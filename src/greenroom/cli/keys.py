"""`greenroom keys`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from greenroom.bootstrap import describe_database, open_context
from greenroom.context import Context
from greenroom.model.events import stamp
from greenroom.model.projects import Scope
from greenroom.services import installation, projects
from greenroom.settings import Settings

T = TypeVar("T")
app = typer.Typer(help="API keys of projects; the encryption key's rotation.", no_args_is_help=True)
#: spellings of --expires
EXPIRES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"]
Data = Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")]


@app.command("create")
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    project: Annotated[str, typer.Option(help="The project it opens; made when it is new.")] = projects.DEFAULT,
    scope: Annotated[
        Scope, typer.Option(help="read, write (orders, results, accounts) or admin (configuration and secrets, too).")
    ] = "admin",
    expires: Annotated[
        datetime | None, typer.Option(help="When the key ends, in UTC; left out: never.", formats=EXPIRES)
    ] = None,
    data: Data = None,
) -> None:
    """Make an API key. It is printed this once, alone on stdout; stderr names the database that knows it."""
    until = expires.replace(tzinfo=UTC) if expires else None
    print(
        with_context(
            data, lambda ctx: projects.create_key(ctx, name=name, project=project, scope=scope, expires_at=until)
        )
    )
    print(f"Stored in {describe_database(Settings.from_environment(data_dir=data))}", file=sys.stderr)


@app.command("list")
def list_keys(data: Data = None) -> None:
    """Show every key: id, project, name, last four characters, last use, whether it is revoked, scope, expiry."""
    for key in with_context(data, projects.list_keys):
        used = f"used {stamp(key.last_used_at)}" if key.last_used_at else "never used"
        state = f"revoked {stamp(key.revoked_at)}" if key.revoked_at else used
        expiry = f"  expires {stamp(key.expires_at)}" if key.expires_at else ""
        print(f"{key.id}  {key.project_name}  {key.name}  …{key.hint}  {state}  {key.scope}{expiry}")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Its id, as `keys list` shows it.")], data: Data = None) -> None:
    """End a key now."""
    with_context(data, lambda ctx: projects.revoke_key(ctx, key_id))
    print(f"Revoked {key_id}.")


@app.command("reseal")
def reseal(data: Data = None) -> None:
    """
    Encrypt every stored secret again with the newest key of GREENROOM_SECRET_KEY, while gateways run; the third step of
    a key rotation. Can be repeated. Exits 1 if a value could not be decrypted, or changed in the meantime.
    """
    columns = with_context(data, lambda ctx: installation.reseal(ctx.store, ctx.vault))
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


def with_context(data: Path | None, command: Callable[[Context], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_context(Settings.from_environment(data_dir=data)) as ctx:
            return await command(ctx)

    return asyncio.run(run())
