"""`greenroom migrate`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from greenroom.bootstrap import database_url, prepare_data_dir
from greenroom.errors import NewerDatabase
from greenroom.settings import Settings
from greenroom.store import migrate as migrations


def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when something is missing.")] = False,
    data: Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")] = None,
) -> None:
    """Bring the database to this version's tables."""
    settings = Settings.from_environment(data_dir=data)
    url = database_url(settings)
    if not settings.database_url:
        if check and not (settings.data_dir / "greenroom.db").exists():
            print("There is no database yet. Run: greenroom migrate")
            raise typer.Exit(1)
        prepare_data_dir(settings)
    try:
        missing = asyncio.run(migrations.missing(url))
    except NewerDatabase:
        if settings.migrate != "rollback":
            raise
        # supervisors run this command before each start, also before that of a version that was rolled back to
        print("Nothing to do: the tables are a newer version's, which GREENROOM_MIGRATE=rollback accepts.")
        return
    if not check:
        applied = asyncio.run(migrations.upgrade(url)) if missing else []
        print(f"Applied: {', '.join(applied)}" if applied else "Nothing to do.")
        return
    print(f"Missing: {', '.join(missing)}. Run: greenroom migrate" if missing else "Up to date.")
    raise typer.Exit(1 if missing else 0)
