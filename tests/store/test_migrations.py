"""Tests that a migration is applied completely or not at all, by one process at a time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import Engine

from greenroom.errors import Unavailable
from greenroom.store import migrate
from greenroom.store.migrations import apply
from tests.support.postgres import Postgres
from tests.support.processes import environment

REVISIONS = migrate.list_revisions()
BEFORE_EACH = [None, *REVISIONS[:-1]]
#: script that kills itself at a statement of a command: `python -c KILLED_AT 40 migrate`
KILLED_AT = """
import os, signal, sqlite3, sys
from sqlite3 import dbapi2

number, sys.argv[1:] = int(sys.argv[1]), sys.argv[2:]
connect = sqlite3.connect

def traced(*arguments, **options):
    def count(_):
        global number
        number -= 1
        if not number:
            os.kill(os.getpid(), signal.SIGKILL)

    connection = connect(*arguments, **options)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = dbapi2.connect = traced
from greenroom.cli import main
main()
"""


def to_revision(revision: str) -> Callable[[Connection], None]:
    """Returns a function that migrates to a revision and adds a project."""

    def work(connection: Connection) -> None:
        command.upgrade(apply.config(connection), revision)
        connection.execute(text("INSERT INTO projects (id, name, created_at) VALUES ('prj_1', 'acme', 7)"))

    return work


async def make_database(directory: Path, revision: str | None) -> Path:
    """Creates a SQLite file at a revision, with a project, and returns its path; None creates no file."""
    path = directory / "greenroom.db"
    if revision is not None:
        await apply.run(migrate.sqlite_url(path), to_revision(revision))
    return path


@contextlib.contextmanager
def watching_statements(seen: Callable[[], None]) -> Iterator[None]:
    """Calls `seen` before each statement of every SQLite connection opened in the block."""
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(lambda _: seen())
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", traced)
        patch.setattr("sqlite3.dbapi2.connect", traced)
        yield


class Crashes:
    """Distinct copies of a SQLite file as a kill would leave it."""

    def __init__(self, path: Path, into: Path) -> None:
        self._path = path
        self._into = into
        self.statements = 0
        self.copies: dict[str, Path] = {}

    def take(self) -> None:
        """Copies the file and its journals as they are now."""
        self.statements += 1
        files = [one for one in sorted(self._path.parent.glob("greenroom.db*")) if not one.name.endswith("-shm")]
        state = hashlib.sha256()
        for file in files:
            state.update(file.name.encode() + file.read_bytes())
        if state.hexdigest() not in self.copies:
            copy = self.copies[state.hexdigest()] = self._into / str(self.statements)
            copy.mkdir(parents=True)
            for file in files:
                shutil.copy(file, copy / file.name)


def tables(path: Path) -> list[tuple[str, str]]:
    """Returns every table and index of a SQLite file, with its SQL."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        return [(name, sql) for name, sql in rows]


def projects(path: Path) -> list[tuple[Any, ...]]:
    """Returns the projects of a SQLite file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT id, name, created_at FROM projects").fetchall()


@pytest.mark.parametrize("revision", BEFORE_EACH)
async def test_a_kill_at_any_statement_is_recovered(revision: str | None, tmp_path: Path) -> None:
    """From each revision, the next start after a kill completes the migration and keeps the data."""
    path = await make_database(tmp_path, revision)
    crashes = Crashes(path, tmp_path / "crashes")
    with watching_statements(crashes.take):
        await migrate.upgrade(migrate.sqlite_url(path))
    crashes.take()
    assert crashes.statements > 5

    for copy in crashes.copies.values():
        url = migrate.sqlite_url(copy / path.name)
        await migrate.upgrade(url)
        assert await migrate.missing(url) == []
        assert tables(copy / path.name) == tables(path)
        assert projects(copy / path.name) == ([("prj_1", "acme", 7)] if revision else [])


@pytest.mark.parametrize("statement", [3, 40, 90])
def test_a_killed_command_is_run_again(statement: int, tmp_path: Path) -> None:
    """After SIGKILL in the middle of `greenroom migrate` the next run applies all revisions."""
    env = environment("", tmp_path)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(statement), "migrate"], env=env, capture_output=True, text=True
    )
    again = subprocess.run([sys.executable, "-m", "greenroom", "migrate"], env=env, capture_output=True, text=True)

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert again.returncode == 0, again.stderr
    assert again.stdout == f"Applied: {', '.join(REVISIONS)}\n"


@pytest.mark.postgres
@pytest.mark.parametrize("statement", [3, 40, 90])
async def test_a_lost_connection_leaves_no_tables_on_postgresql(postgres: Postgres, statement: int) -> None:
    """When the server ends the session, nothing is applied, and the next start migrates."""
    url, count = postgres.create_database(), 0
    database = url.rpartition("/")[2]

    def cut(_: Any, __: Any, sql: str, *___: Any) -> None:
        nonlocal count
        count += 1
        if count == statement:
            end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
            postgres.execute(end)

    event.listen(Engine, "before_cursor_execute", cut)
    try:
        with pytest.raises(Unavailable, match="cannot be reached or changed"):
            await migrate.upgrade(url)
    finally:
        event.remove(Engine, "before_cursor_execute", cut)
    assert count == statement
    connection = await asyncpg.connect(url)
    left = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()

    assert left == []
    assert await migrate.upgrade(url) == REVISIONS


@pytest.mark.parametrize(
    ("revision", "left", "said"),
    [
        (None, "CREATE TABLE installation (id TEXT)", "move greenroom.db away"),
        ("0001", "CREATE TABLE sign_in_codes (id TEXT)", "Restore the copy"),
        ("0003", "ALTER TABLE api_keys ADD COLUMN window_started_at BIGINT", "Restore the copy"),
        ("0009", "DROP INDEX ix_orders_account_id_candidate_email", "Restore the copy"),
    ],
)
async def test_an_interrupted_migration_of_an_older_version_is_explained(
    revision: str | None, left: str, said: str, tmp_path: Path
) -> None:
    """The message names the differing tables and the next step, and nothing is changed."""
    path = await make_database(tmp_path, revision)
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(left)
    before = tables(path)
    with pytest.raises(Unavailable, match="differ from its revision") as caught:
        await migrate.upgrade(migrate.sqlite_url(path))

    assert said in str(caught.value)
    assert "[SQL" not in str(caught.value)
    assert tables(path) == before


async def test_processes_that_start_together_on_an_empty_directory_all_work(tmp_path: Path) -> None:
    """Four concurrent `greenroom keys create` on an empty directory each print a key."""
    env = environment("", tmp_path)
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "greenroom", "keys", "create", "--name", f"key {number}"),
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(4)
    ]
    said = await asyncio.wait_for(asyncio.gather(*(one.communicate() for one in started)), 60)

    assert [(one.returncode, err) for one, (_, err) in zip(started, said, strict=True)] == [
        (0, f"Stored in SQLite: {tmp_path / 'greenroom.db'}\n".encode())
    ] * 4
    assert len({out for out, _ in said}) == 4


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_upgrades_that_start_together_migrate_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    """Of four concurrent upgrades one migrates, and the others find nothing to do."""
    url = migrate.sqlite_url(tmp_path / "greenroom.db")
    if kind == "postgres":
        url = request.getfixturevalue("postgres").create_database()
    applied = await asyncio.gather(*(migrate.upgrade(url) for _ in range(4)))

    assert sorted(applied) == [[], [], [], REVISIONS]


def test_the_file_names_are_alembics_chain() -> None:
    """`list_revisions` returns Alembic's single chain of revisions, in order."""
    config = Config()
    config.set_main_option("script_location", str(migrate.VERSIONS.parent))
    script = ScriptDirectory.from_config(config)

    assert [one.revision for one in script.iterate_revisions("head", "base")] == REVISIONS[::-1]
    assert script.get_heads() == [REVISIONS[-1]]
