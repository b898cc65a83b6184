"""
Copies of a SQLite database, and a copy in place of the database.

A database in use is more than its file: the latest commits are in the `-wal` file beside it. So only SQLite itself can
copy it, and its file can only be replaced once that `-wal` file is gone.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

from greenroom.errors import Unavailable

#: how long a database that others have locked is waited for
BUSY_S = 5.0
#: what SQLite keeps beside a database
BESIDE = ("-wal", "-shm", "-journal")


@contextmanager
def copied(source: Path, target: Path) -> Iterator[Path]:
    """
    Makes a complete and checked copy of a database, also while a gateway writes to it.

    The copy is one file of mode 0600 beside the target, ready to be renamed to it; else it is deleted at the end.

    Raises:
        Unavailable: the source is no database, is damaged or stays locked, or the copy cannot be written; says which.
    """
    try:
        created, name = tempfile.mkstemp(prefix=_prefix(target), dir=target.parent)
    except OSError as error:
        raise Unavailable(f"Cannot write into {target.parent}: {error.strerror}.") from None
    os.close(created)
    copy = Path(name)
    try:
        _copy(source, copy)
        yield copy
    finally:
        for path in (copy, *beside(copy)):
            path.unlink(missing_ok=True)


def delete_leftovers(target: Path) -> None:
    """Deletes copies that a killed process left behind. Only where no other process makes one."""
    for path in target.parent.glob(f"{_prefix(target)}*"):
        path.unlink()


def beside(path: Path) -> list[Path]:
    """Returns the files that SQLite may keep beside a database."""
    return [path.with_name(f"{path.name}{suffix}") for suffix in BESIDE]


def make_single_file(path: Path) -> None:
    """
    Brings all of a database into its one file, and waits until that is on disk.

    Raises:
        Unavailable: it cannot be read, or another process uses it.
    """
    try:
        with closing(_open(path)) as database:
            _make_one_file(database)
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be opened alone ({error}).") from None
    _sync(path)


def replace(path: Path, copy: Path) -> None:
    """
    Puts a copy that is a single file in the place of a database; both are in one directory.

    Whatever happens meanwhile, the old database is there or the new one, whole.

    Raises:
        Unavailable: the old one cannot be read, or another process uses it; nothing was changed.
    """
    if not path.exists():
        if left := [one.name for one in beside(path) if one.exists()]:
            raise Unavailable(f"{', '.join(left)} would be taken for a part of the new database. Move it out of there.")
        copy.rename(path)
    else:
        try:
            with closing(_open(path)) as old:
                _make_one_file(old)
                old.execute("BEGIN EXCLUSIVE")  # no other process opens it before the rename
                copy.rename(path)
        except sqlite3.Error as error:
            raise Unavailable(
                f"{path} cannot be opened alone ({error}), so it was not replaced. If a command still uses it, wait "
                f"until that ends. If it is damaged, move it elsewhere with {', '.join(BESIDE)}, then restore again."
            ) from None
    _sync(path.parent)


def publish(copy: Path, path: Path) -> None:
    """Gives a copy its name in the same directory, in place of whatever had it."""
    copy.replace(path)
    _sync(path.parent)


def _prefix(target: Path) -> str:
    return f".{target.name}."


def _copy(source: Path, target: Path) -> None:
    until = time.monotonic() + BUSY_S

    def wait(status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > until:
            raise Unavailable(f"{source} stays locked by another process. Try again later.")

    try:
        with closing(_open(source)) as database, closing(_open(target)) as copy:
            # in one step it is one moment's database; a writer goes on meanwhile
            database.backup(copy, pages=-1, progress=wait)
            _make_one_file(copy)
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise Unavailable(f"{source} cannot be copied: {error}.") from None
    if problem != "ok":
        raise Unavailable(f"{source} is damaged: {problem}.")
    _sync(target)


def _open(path: Path) -> sqlite3.Connection:
    """Opens a database that is there; none is made."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_S)


def _make_one_file(database: sqlite3.Connection) -> None:
    """Raises sqlite3.OperationalError while another process uses the database."""
    mode = database.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
    if mode != "delete":
        raise sqlite3.OperationalError("another process uses it")


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        # not every file system can sync a directory
        with suppress(OSError) if path.is_dir() else nullcontext():
            os.fsync(opened)
    finally:
        os.close(opened)
