"""Runs Alembic on a database: all missing revisions in one transaction, by one process at a time."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from greenroom.database_url import connect_options
from greenroom.errors import Unavailable
from greenroom.store import migrate

T = TypeVar("T")

#: key of the advisory lock for migrations on PostgreSQL, an arbitrary number
LOCK = 7_203_114_077
#: seconds between two attempts to set SQLite's journal mode while another process holds the lock
BUSY_RETRY_S = 0.02


def config(connection: Connection | None = None) -> Config:
    """Returns Alembic's configuration for a connection with an open transaction."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["connection"] = connection
    return made


async def upgrade(url: str) -> list[str]:
    """Implements `migrate.upgrade` for a database that lacks a revision."""
    return await run(url, _upgrade)


async def run(url: str, work: Callable[[Connection], T]) -> T:
    """
    Runs a function in a transaction that holds the migration lock.

    Raises:
        Unavailable: the database cannot be reached, or refuses a statement.
    """
    try:
        if url.startswith(migrate.SQLITE):
            return await asyncio.to_thread(_run_sqlite, Path(url.removeprefix(migrate.SQLITE)), work)
        return await _run_postgres(url, work)
    except DBAPIError as error:
        raise migrate.unavailable(error.orig or error) from error


def _upgrade(connection: Connection) -> list[str]:
    current = MigrationContext.configure(connection).get_current_revision()
    missing = migrate.pending(current)  # another process may have applied them while this one waited for the lock
    if not missing:
        return []
    try:
        command.upgrade(config(connection), "head")
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error) and error.orig.sqlite_errorcode == sqlite3.SQLITE_ERROR:
            raise _mismatch(current, error.orig) from error
        raise
    return missing


def _mismatch(current: str | None, error: sqlite3.Error) -> Unavailable:
    """Returns the error for tables that differ from the recorded revision, as an interrupted migration leaves."""
    cause = (
        "An earlier version of Greenroom was probably killed while it migrated this database, and left a part behind."
    )
    if current is None:
        step = "No revision was completed, so the database holds no data: move greenroom.db away and start again."
    else:
        step = "Restore the copy of the database that you made before that upgrade, then start again."
    return Unavailable(f"The database's tables differ from its revision ({current or 'none'}): {error}. {cause} {step}")


def _run_sqlite(path: Path, work: Callable[[Connection], T]) -> T:
    try:
        engine = create_engine("sqlite://", creator=lambda: _connect_sqlite(path), poolclass=NullPool)

        # takes the lock before the first CREATE TABLE; the driver itself begins a transaction only at the first INSERT
        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        with engine.begin() as connection:
            return work(connection)
    except sqlite3.Error as error:
        raise migrate.unavailable(error) from error


def _connect_sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=migrate.LOCK_WAIT_S, isolation_level=None)
    # set here as in the store, because processes that start together would fail if each changed it later
    _use_wal(connection)
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Sets the journal mode; unlike other statements, SQLite does not wait for a lock here, so this function does."""
    deadline = time.monotonic() + migrate.LOCK_WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_RETRY_S)
        else:
            return


async def _run_postgres(url: str, work: Callable[[Connection], T]) -> T:
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    options = connect_options(url)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(**options), poolclass=NullPool
    )

    def locked(connection: Connection) -> T:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        return work(connection)

    try:
        async with engine.begin() as connection:
            return await connection.run_sync(locked)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise migrate.unavailable(error) from error
