"""Keeping the state over a restart: one SQLite table of JSON records, written through."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path


class Journal:
    """Stores records by kind and id in ``DIR/sandbox.sqlite3``; without a directory it keeps nothing."""

    def __init__(self, directory: Path | None) -> None:
        self._database: sqlite3.Connection | None = None
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(directory / "sandbox.sqlite3", isolation_level=None, check_same_thread=False)
        # A write-ahead log without a sync per write survives the end of the process, which is what is promised here.
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS records (kind TEXT, id INTEGER, body TEXT NOT NULL, PRIMARY KEY (kind, id))"
        )

    def read(self, kind: str) -> Iterator[str]:
        """The JSON of every record of a kind, by id."""
        if self._database is not None:
            for (body,) in self._database.execute("SELECT body FROM records WHERE kind = ? ORDER BY id", (kind,)):
                yield body

    def write(self, kind: str, record_id: int, body: str) -> None:
        """Adds or replaces a record."""
        if self._database is not None:
            self._database.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (kind, record_id, body))

    def remove(self, kind: str, record_id: int) -> None:
        """Removes a record; a missing one is fine."""
        if self._database is not None:
            self._database.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, record_id))

    def begin(self) -> None:
        """Makes the writes up to ``commit`` one unit."""
        if self._database is not None:
            self._database.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Ends the unit."""
        if self._database is not None:
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Closes the file."""
        if self._database is not None:
            self._database.close()
            self._database = None
