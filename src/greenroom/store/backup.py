"""
Copies a SQLite database, and replaces it with a copy.

The latest commits of a database in use are in a `-wal` file beside it. Therefore only SQLite itself can copy the
database, and its file can only be replaced after that `-wal` file is merged.
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

#: wait for a database that another process has locked, in seconds
BUSY_S = 5.0
#: suffixes of the files that SQLite keeps beside a database
BESIDE = ("-wal", "-shm", "-journal")


@contextmanager
def copied(source: Path, target: Path) -> Iterator[Path]:
    """
    Makes a complete and verified copy of a database, even while a gateway writes to it.

    The copy is one file of mode 0600 beside the target. It is deleted at the end of the block unless it was renamed.

    Raises:
        Unavailable: the source is no database, is damaged or stays locked, or the copy cannot be written.
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
    """Deletes copies that a killed process left; not safe while another process makes a copy."""
    for path in target.parent.glob(f"{_prefix(target)}*"):
        path.unlink()


def beside(path: Path) -> list[Path]:
    """Returns the files that SQLite may keep beside a database."""
    return [path.with_name(f"{path.name}{suffix}") for suffix in BESIDE]


def make_single_file(path: Path) -> None:
    """
    Merges the files of a database into a single file, and syncs it to disk.

    Raises:
        Unavailable: the database cannot be read, or another process uses it.
    """
    try:
        with closing(_open(path)) as database:
            _make_one_file(database)
    except sqlite3.Error as error:
        raise Unavailable(f"{path} cannot be opened alone ({error}).") from None
    _sync(path)


def replace(path: Path, copy: Path) -> None:
    """
    Replaces a database with a copy, a single file in the same directory.

    The replacement is atomic: after a crash either the old or the new database is there.

    Raises:
        Unavailable: the old database cannot be read, or another process uses it; nothing was changed.
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
    """Renames a copy within its directory, replacing an existing file of that name."""
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
            # copying all pages in one step gives a consistent snapshot, and does not block writers
            database.backup(copy, pages=-1, progress=wait)
            _make_one_file(copy)
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise Unavailable(f"{source} cannot be copied: {error}.") from None
    if problem != "ok":
        raise Unavailable(f"{source} is damaged: {problem}.")
    _sync(target)


def _open(path: Path) -> sqlite3.Connection:
    """Opens an existing database; does not create one."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_S)


def _make_one_file(database: sqlite3.Connection) -> None:
    """Leaves WAL mode, which merges the files; raises sqlite3.OperationalError while another process uses them."""
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
