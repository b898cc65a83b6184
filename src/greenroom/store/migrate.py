"""Brings a database to this version's tables, or says what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from greenroom.errors import Unavailable

T = TypeVar("T")

#: one migration at a time over all processes that start together (an arbitrary number of ours)
LOCK = 7_203_114_077


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def sqlite_url(path: Path) -> str:
    """The URL that this module takes for a SQLite file."""
    return f"sqlite:///{path}"


async def upgrade(url: str) -> list[str]:
    """
    Apply what is missing, in one transaction; the applied revisions, oldest first.

    Raises:
        Unavailable: the database cannot be reached or changed, or a newer version has changed it; says why.
    """

    def work(connection: Connection) -> list[str]:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        missing = _missing(connection)
        if missing:
            command.upgrade(_config(connection), "head")
        return missing

    return await _run(url, work)


async def missing(url: str) -> list[str]:
    """The revisions that are not applied, oldest first; changes nothing. Raises as `upgrade` does."""
    return await _run(url, _missing)


def _missing(connection: Connection) -> list[str]:
    script = ScriptDirectory.from_config(_config())
    current = MigrationContext.configure(connection).get_current_revision()
    if current and current not in {revision.revision for revision in script.walk_revisions()}:
        raise Unavailable(
            f"The database has the tables of a newer Greenroom (revision {current}; this one knows them up to "
            f"{script.get_current_head()}). Start the newer version, or go back to a copy of the database."
        )
    return [revision.revision for revision in reversed(list(script.iterate_revisions("head", current or "base")))]


async def _run(url: str, work: Callable[[Connection], T]) -> T:
    try:
        return await _connected(url, work)
    except (OSError, SQLAlchemyError, asyncpg.PostgresError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise Unavailable(f"The database cannot be reached or changed: {reason}") from error


async def _connected(url: str, work: Callable[[Connection], T]) -> T:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return await asyncio.to_thread(_run_sqlite, url, work)
    engine = create_async_engine(parsed.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _run_sqlite(url: str, work: Callable[[Connection], T]) -> T:
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            return work(connection)
    finally:
        engine.dispose()
