"""A SQLite file at the newest revision, copied instead of migrated again."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from greenroom.store import migrate
from tests.support.postgres import in_thread


@cache
def _migrated() -> bytes:
    """Returns the content of a migrated file; each process migrates one."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "greenroom.db"
        in_thread(migrate.upgrade(migrate.sqlite_url(path)))
        return path.read_bytes()


def create_database(path: Path) -> str:
    """Writes a migrated database to a file and returns its URL; an existing file stays as it is."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated())
    return migrate.sqlite_url(path)
