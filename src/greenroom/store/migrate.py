"""
Migrates a database to this version's tables, or lists the missing revisions.

Alembic and SQLAlchemy take longer to import than most commands take to run, so they are imported only when a revision
is missing. Known revisions are read from the file names in `migrations/versions`, the current one by a plain query.
"""

from __future__ import annotations

import asyncio
import sqlite3
import ssl
from contextlib import closing
from pathlib import Path

from greenroom.database_url import connect_options
from greenroom.errors import MigrationsPending, NewerDatabase, Unavailable

VERSIONS = Path(__file__).parent / "migrations" / "versions"
SQLITE = "sqlite:///"
#: wait for another process that migrates the same SQLite file, in seconds
LOCK_WAIT_S = 300.0


def sqlite_url(path: Path) -> str:
    """Returns the URL that this module takes for a SQLite file."""
    return f"{SQLITE}{path}"


def list_revisions() -> list[str]:
    """Returns every revision that this version knows, oldest first."""
    return sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*_*.py"))


async def upgrade(url: str) -> list[str]:
    """
    Applies the missing revisions in one transaction; returns them, oldest first.

    Of several processes that start together, one migrates and the others wait for it.

    Raises:
        Unavailable: the database cannot be reached or changed, or a newer version has migrated it.
    """
    if not await missing(url):
        return []
    from greenroom.store.migrations import apply

    return await apply.upgrade(url)


async def verify(url: str, *, accept_newer: bool) -> None:
    """
    Checks that no revision is missing; changes nothing.

    Raises:
        MigrationsPending: a revision is missing.
        NewerDatabase: a newer version has migrated the database, unless `accept_newer`.
        Unavailable: the database cannot be reached.
    """
    try:
        lacking = await missing(url)
    except NewerDatabase:
        if not accept_newer:
            raise
        return
    if lacking:
        raise MigrationsPending(lacking)


async def missing(url: str) -> list[str]:
    """Returns the revisions that are not applied, oldest first; changes nothing. Raises as `upgrade` does."""
    if url.startswith(SQLITE):
        return pending(await asyncio.to_thread(_read_sqlite_revision, Path(url.removeprefix(SQLITE))))
    return pending(await _read_postgres_revision(url))


def pending(current: str | None) -> list[str]:
    """
    Returns the revisions that follow the database's current one, oldest first.

    Raises:
        NewerDatabase: this version does not know the current revision.
    """
    known = list_revisions()
    if current is None:
        return known
    if current not in known:
        raise NewerDatabase(
            f"The database has the tables of a newer Greenroom (revision {current}; this one knows them up to "
            f"{known[-1]}). Start the newer version, set GREENROOM_MIGRATE=rollback to go back by one version, or go "
            "back to a copy of the database."
        )
    return known[known.index(current) + 1 :]


def list_pending(current: str | None) -> list[str]:
    """Does the same as `pending` for a migrated database; a newer version's lacks nothing."""
    return pending(current) if current in list_revisions() else []


def unavailable(error: BaseException) -> Unavailable:
    """Returns the error for a failed migration, with a message of one line without SQL and URL."""
    reason = str(error).partition("\n")[0] or "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = (
            f"its TLS certificate is not accepted ({error.verify_message.rstrip('.')}). Check sslrootcert in the "
            "database's URL, and that the host in the URL is the one that the certificate names."
        )
    return Unavailable(f"The database cannot be reached or changed: {reason}")


def _read_sqlite_revision(path: Path) -> str | None:
    if not path.exists():  # connecting would create the file
        return None
    try:
        with closing(sqlite3.connect(path, timeout=LOCK_WAIT_S)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone():
                return None
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(row[0]) if row else None
    except sqlite3.Error as error:
        raise unavailable(error) from error


async def _read_postgres_revision(url: str) -> str | None:
    import asyncpg

    try:
        connection = await asyncpg.connect(**connect_options(url))
        try:
            value = await connection.fetchval("SELECT version_num FROM alembic_version")
        except asyncpg.UndefinedTableError:
            return None
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise unavailable(error) from error
    return None if value is None else str(value)
