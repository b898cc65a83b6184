"""
What every command opens: data directory, encryption key, database.

Commands take a fraction of a second, and most of that is imports: nothing here imports what only a server needs.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from greenroom.context import Context
from greenroom.security.tokens import new_id
from greenroom.security.vault import Vault, load_or_create_key_file, parse_keys
from greenroom.services import installation
from greenroom.settings import Settings, SettingsError
from greenroom.store import migrate
from greenroom.store.db import Store


def database_url(settings: Settings) -> str:
    """Where this installation's database is, as `store.migrate` takes it."""
    return settings.database_url or migrate.sqlite_url(settings.data_dir / "greenroom.db")


def describe_database(settings: Settings) -> str:
    """Returns where the database is, for people: a file's path, or a PostgreSQL URL without its password."""
    if not settings.database_url:
        return f"SQLite: {(settings.data_dir / 'greenroom.db').resolve()}"
    parts = urlsplit(settings.database_url)
    return f"PostgreSQL: {parts.netloc.rpartition('@')[2]}{parts.path}"


def prepare_data_dir(settings: Settings) -> Path:
    """
    The data directory, made when it is new and closed to others.

    Raises:
        SettingsError: it cannot be made.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"GREENROOM_DATA_DIR: cannot make {settings.data_dir}: {error.strerror}") from None
    return settings.data_dir


def open_vault(settings: Settings) -> Vault:
    """The vault under the configured keys, else under the one kept in the data directory."""
    texts = settings.secret_key or (load_or_create_key_file(prepare_data_dir(settings) / "secret.key"),)
    return Vault(parse_keys(texts))


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The store, its tables brought up to date; closed at the end."""
    if not settings.database_url:
        prepare_data_dir(settings)
    await migrate.upgrade(database_url(settings))
    store = _connect(settings)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[Context]:
    """Store, vault and clock: enough for every service, and for the commands that need no network."""
    vault = open_vault(settings)
    async with open_store(settings) as store:
        yield Context(
            settings=settings,
            store=store,
            vault=vault,
            pepper=await installation.open_pepper(store, vault),
            now=lambda: datetime.now(UTC),
            new_id=new_id,
            chance=random.random,
        )


def _connect(settings: Settings) -> Store:
    """Returns the store on this installation's database; the other database's driver is not imported."""
    if settings.database_url:
        from greenroom.store.postgres import PostgresStore

        return PostgresStore(settings.database_url)
    from greenroom.store.sqlite import SqliteStore

    return SqliteStore(settings.data_dir / "greenroom.db")
