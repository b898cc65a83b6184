"""`greenroom backup` and `greenroom restore`: copy the SQLite database to one file, and replace it with such a file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from greenroom.bootstrap import database_file, key_file, sole_owner
from greenroom.security.vault import Vault, VaultError, create_key_file, parse_keys, read_key_file
from greenroom.services import installation
from greenroom.settings import Settings, SettingsError
from greenroom.store import backup as copies
from greenroom.store import migrate
from greenroom.store.sqlite import SqliteStore

Data = Annotated[Path | None, typer.Option(help="Data directory (GREENROOM_DATA_DIR).")]
POSTGRESQL = (
    "GREENROOM_DATABASE_URL is PostgreSQL, which has tools of its own for this; docs/backup.md has the commands:\n"
    '  pg_dump --format=custom --file=greenroom.dump "$GREENROOM_DATABASE_URL"\n'
    '  pg_restore --no-owner --exit-on-error --single-transaction --dbname="$NEW_DATABASE_URL" greenroom.dump'
)
#: tables with short-lived rows: a restore succeeds even if the key of their values is gone
PASSING = frozenset({"idempotency_keys", "request_logs", "request_steps"})


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; its mode is 0600.")],
    with_key: Annotated[bool, typer.Option("--with-key", help="Copy the encryption key to FILE.key, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE and FILE.key.")] = False,
    data: Data = None,
) -> None:
    """
    Copy the SQLite database to one file, checked, also while a gateway writes to it. The backup contains everything
    that the gateway had answered before the command started. Secrets in it can only be decrypted with the encryption
    key.
    """
    settings, database = _sqlite(data)
    if not database.exists():
        raise SettingsError(f"There is no database in {settings.data_dir}. Check --data or GREENROOM_DATA_DIR.")
    if with_key and settings.secret_key:
        raise SettingsError(
            "--with-key: the encryption key is the value of GREENROOM_SECRET_KEY, not a file. Keep a copy."
        )
    if file.resolve() == database.resolve():
        raise SettingsError(f"{file} is the database itself. Choose another name.")
    for path in (file, *([_key_beside(file)] if with_key else [])):
        if path.exists() and not (force and path.is_file()):
            raise SettingsError(f"{path} is there already. Choose another name, or overwrite it with --force.")
    key = read_key_file(key_file(settings)) if with_key else None
    with copies.copied(database, file) as copy:
        if key is not None:
            _key_beside(file).unlink(missing_ok=True)
            create_key_file(_key_beside(file), key)
        copies.publish(copy, file)
    print(f"Backed up {database} to {file} ({file.stat().st_size:,} bytes).")
    if not with_key:
        where = "the value of GREENROOM_SECRET_KEY" if settings.secret_key else f"in {key_file(settings)}"
        print(f"The encryption key is not in this backup. It is {where}; keep a copy elsewhere.", file=sys.stderr)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `greenroom backup` wrote.")],
    with_key: Annotated[bool, typer.Option("--with-key", help="Use the encryption key in FILE.key.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing database without asking.")] = False,
    data: Data = None,
) -> None:
    """
    Put a backup in the place of the database, while no gateway runs. The backup is checked first, and must match the
    encryption key; if anything fails, the database stays as it was.
    """
    settings, database = _sqlite(data)
    if not file.is_file():
        raise SettingsError(f"There is no backup {file}.")
    question = f"Replace {database}? Data that is not in the backup is lost."
    if database.exists() and not force and not typer.confirm(question):
        raise typer.Exit(1)
    asyncio.run(_restore(settings, database, file, with_key=with_key))


async def _restore(settings: Settings, database: Path, file: Path, *, with_key: bool) -> None:
    async with sole_owner(settings):
        key = _key_for(settings, file, with_key=with_key)
        copies.delete_leftovers(database)
        with copies.copied(file, database) as copy:
            await _check(copy, file, Vault(parse_keys(settings.secret_key or (key,))))
            copies.make_single_file(copy)
            if with_key and not key_file(settings).exists():
                create_key_file(key_file(settings), key)
            copies.replace(database, copy)
    print(f"Restored {database} from {file}. Start the gateway: greenroom serve")


def _sqlite(data: Path | None) -> tuple[Settings, Path]:
    settings = Settings.from_environment(data_dir=data)
    if settings.database_url:
        raise SettingsError(POSTGRESQL)
    return settings, database_file(settings)


def _key_beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.key")


def _key_for(settings: Settings, file: Path, *, with_key: bool) -> str:
    """
    Returns the key for the restored database, as text; empty if GREENROOM_SECRET_KEY has it.

    Raises:
        SettingsError, VaultError: there is no key, or two different ones.
    """
    kept, beside = key_file(settings), _key_beside(file)
    if settings.secret_key:
        if with_key:
            raise SettingsError("--with-key: GREENROOM_SECRET_KEY is set, so a key file would not be used. Unset one.")
        return ""
    if not with_key:
        if kept.exists():
            return read_key_file(kept)
        raise VaultError(
            f"The encryption key is missing: there is no {kept}, and GREENROOM_SECRET_KEY is not set. Put the key that "
            f"belongs to the backup there, or, where {beside} has it, add --with-key."
        )
    key = read_key_file(beside)
    if kept.exists() and read_key_file(kept) != key:
        raise SettingsError(f"--with-key: {kept} is another key than {beside}. Move it elsewhere, then restore again.")
    return key


async def _check(copy: Path, file: Path, vault: Vault) -> None:
    """
    Migrates a copy to this version and checks that a gateway could serve it.

    Raises:
        SettingsError, VaultError, Unavailable: a gateway could not serve it; the message says why.
    """
    await migrate.upgrade(migrate.sqlite_url(copy))
    store = SqliteStore(copy)
    try:
        if not await installation.has_sealed_values(store):
            raise SettingsError(f"{file} is not the database of a gateway that was ever started.")
        lost = await installation.find_unreadable(store, vault)
    finally:
        await store.close()
    for one in lost:
        text = f"{one.unreadable} of the values in {one.where.table} cannot be opened. {one.reason}"
        if one.where.table not in PASSING:
            raise VaultError(f"{file} was not restored: {text}")
        print(f"Restored without them: {text}", file=sys.stderr)
