"""Persistence of the simulator's state: one SQLite table of JSON records."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path


class Journal:
    """Records by kind and id in ``DIR/sandbox.sqlite3``.

    Without a directory nothing is stored.
    """

    def __init__(self, directory: Path | None) -> None:
        self._database: sqlite3.Connection | None = None
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(directory / "sandbox.sqlite3", isolation_level=None, check_same_thread=False)
        # The state must survive the end of the process, not a power failure, so a sync per write is not needed.
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS records (kind TEXT, id INTEGER, body TEXT NOT NULL, PRIMARY KEY (kind, id))"
        )

    def read(self, kind: str) -> Iterator[str]:
        """Yields the JSON of every record of a kind, ordered by id."""
        if self._database is not None:
            for (body,) in self._database.execute("SELECT body FROM records WHERE kind = ? ORDER BY id", (kind,)):
                yield body

    def write(self, kind: str, record_id: int, body: str) -> None:
        """Adds or replaces a record."""
        if self._database is not None:
            self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (kind, record_id, body))

    def remove(self, kind: str, record_id: int) -> None:
        """Removes a record, if it exists."""
        if self._database is not None:
            self._database.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, record_id))

    def begin(self) -> None:
        """Starts a transaction that lasts until ``commit``."""
        if self._database is not None:
            self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commits the transaction."""
        if self._database is not None:
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
