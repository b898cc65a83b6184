"""
Databases for the benchmark, and measurements of the database itself.

This is the only module outside of the store that uses SQL, because the yardstick must not go through the store that it
measures.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from greenroom.database_url import connect_options
from greenroom.errors import Unavailable

#: the row that each commit of the yardstick writes, about as long as an order, its event and its delivery together
ROW = "x" * 6000


@contextmanager
def own_database(server: str | None) -> Iterator[str | None]:
    """
    Creates an empty database on a PostgreSQL server, and drops it at the end.

    Yields its URL, or None for SQLite, where a file is made.

    Raises:
        Unavailable: the server cannot be reached, or its user may not create databases; says why.
    """
    if server is None:
        yield None
        return
    name = f"greenroom_bench_{uuid.uuid4().hex[:12]}"
    asyncio.run(_execute(server, f'CREATE DATABASE "{name}"'))
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        asyncio.run(_execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def _execute(url: str, sql: str) -> None:
    try:
        connection = await asyncpg.connect(**connect_options(url))
        try:
            await connection.execute(sql)
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"--database-url: {error}. The benchmark needs a user that may create databases.") from error


def describe(server: str | None) -> str:
    """Returns the database's name and version."""
    if server is None:
        return f"SQLite {sqlite3.sqlite_version}"
    return asyncio.run(_version(server))


async def _version(url: str) -> str:
    try:
        connection = await asyncpg.connect(**connect_options(url))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(f"--database-url: {error}.") from error
    try:
        return f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
    finally:
        await connection.close()


def commits(url: str | None, directory: Path, seconds: float) -> float:
    """
    Returns the durable commits a second of one connection.

    Each commit writes one row of 6 kB, one after the other.
    """
    return asyncio.run(_postgres_commits(url, seconds)) if url else _sqlite_commits(directory, seconds)


def _sqlite_commits(directory: Path, seconds: float) -> float:
    with closing(sqlite3.connect(directory / "yardstick.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS yardstick (id INTEGER PRIMARY KEY, content TEXT)")
        return _rate(lambda: connection.execute("INSERT INTO yardstick (content) VALUES (?)", (ROW,)), seconds)


async def _postgres_commits(url: str, seconds: float) -> float:
    connection = await asyncpg.connect(**connect_options(url))
    try:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS yardstick (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content TEXT)"
        )
        count, began = 0, time.monotonic()
        while (now := time.monotonic()) - began < seconds:
            await connection.execute("INSERT INTO yardstick (content) VALUES ($1)", ROW)
            count += 1
        return count / (now - began)
    finally:
        await connection.close()


def syncs(directory: Path, seconds: float) -> float:
    """
    Returns how often a second the disk writes 4 kB durably.

    Uses `fdatasync`, where the system has it.
    """
    sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
    with (directory / "yardstick").open("wb", buffering=0) as file:

        def once() -> None:
            file.write(b"x" * 4096)
            sync(file.fileno())

        return _rate(once, seconds)


def _rate(once: Callable[[], object], seconds: float) -> float:
    count, began = 0, time.monotonic()
    while (now := time.monotonic()) - began < seconds:
        once()
        count += 1
    return count / (now - began)
