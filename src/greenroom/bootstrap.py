"""
Opens the data directory, the encryption key and the database for every command.

Commands take a fraction of a second, mostly for imports, so this module imports nothing that only a server needs.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from greenroom.context import Context
from greenroom.model.audit import Actor
from greenroom.security.tokens import new_id
from greenroom.security.vault import Vault, VaultError, load_or_create_key_file, parse_keys
from greenroom.services import installation
from greenroom.settings import Settings, SettingsError
from greenroom.store import migrate
from greenroom.store.db import Store


def database_file(settings: Settings) -> Path:
    """Returns the path of the SQLite database."""
    return settings.data_dir / "greenroom.db"


def database_url(settings: Settings) -> str:
    """Returns the URL of this installation's database, as `store.migrate` takes it."""
    return settings.database_url or migrate.sqlite_url(database_file(settings))


def describe_database(settings: Settings) -> str:
    """
    Returns the database's location for people.

    A file's path, or a PostgreSQL URL without its user and password.
    """
    if not settings.database_url:
        return f"SQLite: {database_file(settings).resolve()}"
    parts = urlsplit(settings.database_url)
    return f"PostgreSQL: {parts.netloc.rpartition('@')[2]}{parts.path}"


def prepare_data_dir(settings: Settings) -> Path:
    """
    Returns the data directory; creates it, closed to other users, if missing.

    Raises:
        SettingsError: the directory cannot be created.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"GREENROOM_DATA_DIR: cannot make {settings.data_dir}: {error.strerror}") from None
    return settings.data_dir


def key_file(settings: Settings) -> Path:
    """Returns the path of the encryption key, which is used when no setting has a key."""
    return settings.data_dir / "secret.key"


async def open_vault(settings: Settings, store: Store) -> Vault:
    """
    Returns the vault with the configured keys, else the data directory's key.

    The key file is created when it is missing and the database has no sealed values yet.

    Raises:
        VaultError: a key is unusable, or the database has sealed values and there is no key at all.
    """
    if settings.secret_key:
        return Vault(parse_keys(settings.secret_key))
    path = key_file(settings)
    # a new key could not open the sealed values, and would hide that the right one is missing
    # looked for again afterwards: another process may have created the key and sealed a value in between
    if not path.exists() and await installation.has_sealed_values(store) and not path.exists():
        raise VaultError(
            f"The encryption key is missing: the database has sealed values, but there is no {path}, and "
            "GREENROOM_SECRET_KEY is not set. Put the key file back (its copy, or FILE.key beside a backup), or set "
            "GREENROOM_SECRET_KEY to the key."
        )
    prepare_data_dir(settings)
    return Vault(parse_keys((load_or_create_key_file(path),)))


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """
    Opens the store with its tables brought up to date, or verified as `settings.migrate` says; closes it at the end.

    Raises:
        MigrationsPending: a migration is missing and this process may not apply it.
    """
    if not settings.database_url:
        prepare_data_dir(settings)
    await _prepare_tables(settings)
    store = _connect(settings)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[Context]:
    """
    Opens store, vault and clock: enough for every service.

    Commands that need no network need no more. The actor is the person at the command line.
    """
    if settings.secret_key:
        parse_keys(settings.secret_key)  # an unusable key is refused before the database is touched
    async with open_store(settings) as store:
        vault = await open_vault(settings, store)
        yield Context(
            settings=settings,
            store=store,
            vault=vault,
            pepper=await installation.open_pepper(store, vault),
            now=lambda: datetime.now(UTC),
            new_id=new_id,
            chance=random.random,
            actor=Actor("cli", name=_login_name()),
        )


@asynccontextmanager
async def sole_owner(settings: Settings) -> AsyncIterator[None]:
    """
    Locks the data directory for this process: a SQLite file allows one gateway.

    Raises:
        SettingsError: another gateway holds the lock.
    """
    if settings.database_url:
        yield
        return
    lock = os.open(prepare_data_dir(settings) / "serve.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"Another gateway serves {settings.data_dir}. Stop it, choose another --data, or use PostgreSQL "
                "(GREENROOM_DATABASE_URL) for several processes."
            ) from None
        yield
    finally:
        os.close(lock)


async def _prepare_tables(settings: Settings) -> None:
    url = database_url(settings)
    if settings.migrate == "auto":
        await migrate.upgrade(url)
    else:
        await migrate.verify(url, accept_newer=settings.migrate == "rollback")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return f"uid {os.getuid()}"


def _connect(settings: Settings) -> Store:
    """
    Returns the store on this installation's database.

    The driver of the other kind of database is not imported.
    """
    if settings.database_url:
        from greenroom.store.postgres import PostgresStore

        return PostgresStore(settings.database_url)
    from greenroom.store.sqlite import SqliteStore

    return SqliteStore(database_file(settings))
