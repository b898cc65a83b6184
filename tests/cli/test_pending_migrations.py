"""`GREENROOM_MIGRATE`: starts on a database with pending migrations, or with those of a newer version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, text

from greenroom.store import migrate
from greenroom.store.migrations import apply
from tests.conftest import DATABASES
from tests.support import stem
from tests.support.postgres import Postgres, in_thread
from tests.support.processes import environment

REVISIONS = migrate.list_revisions()


@pytest.fixture(params=DATABASES)
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that lacks the newest migration."""
    url = migrate.sqlite_url(tmp_path / "greenroom.db")
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.create_database()
    change(url, lambda connection: command.upgrade(apply.config(connection), REVISIONS[-2]))
    return url


def change(url: str, work: Callable[[Connection], Any]) -> None:
    """Runs statements on a database of either kind."""
    in_thread(apply.run(url, work))


def run(url: str, data: Path, *arguments: str, migrations: str = "refuse") -> CompletedProcess[str]:
    """Runs a command on this database."""
    variables = environment("" if url.startswith("sqlite") else url, data) | {"GREENROOM_MIGRATE": migrations}
    return stem.greenroom(*arguments, environment=variables)


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("keys", "create", "--name", "k")])
def test_a_start_names_the_command_to_run(behind: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Pending migrations end a start with status 3 and one line; after `greenroom migrate` it succeeds."""
    refused = run(behind, tmp_path, *arguments)

    assert refused.returncode == 3
    line = refused.stderr.splitlines()[-1]
    assert line.startswith("greenroom: The database lacks 1 of this version's migrations")
    assert REVISIONS[-1] in line
    assert "Traceback" not in refused.stderr
    assert "Run `greenroom migrate`" in line
    assert run(behind, tmp_path, "migrate", "--check").stdout == f"Missing: {REVISIONS[-1]}. Run: greenroom migrate\n"

    assert run(behind, tmp_path, "migrate").stdout == f"Applied: {REVISIONS[-1]}\n"
    assert run(behind, tmp_path, "keys", "create", "--name", "k").returncode == 0


def test_a_new_database_is_refused_too(tmp_path: Path) -> None:
    """Without any table the same command is named."""
    refused = run("sqlite:///", tmp_path, "serve", "--port", "0")

    assert refused.returncode == 3
    assert f"({REVISIONS[0]} to {REVISIONS[-1]})" in refused.stderr


@pytest.mark.postgres
@pytest.mark.parametrize("arguments", [("serve", "--workers", "2", "--port", "0"), ("work",)])
def test_workers_are_refused_before_they_start(postgres: Postgres, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """`work` and `serve --workers` end with the same status and line."""
    refused = run(postgres.create_database(), tmp_path, *arguments)

    assert refused.returncode == 3
    assert "Run `greenroom migrate`" in refused.stderr


def test_a_rollback_accepts_the_tables_of_a_newer_version(behind: str, tmp_path: Path) -> None:
    """`refuse` does not start on a newer version's tables, `rollback` does; it applies no migration either."""
    assert run(behind, tmp_path, "keys", "list", migrations="rollback").returncode == 3
    run(behind, tmp_path, "migrate")
    change(behind, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))

    refused = run(behind, tmp_path, "keys", "create", "--name", "k")
    assert refused.returncode == 1
    assert "set GREENROOM_MIGRATE=rollback to go back by one version" in refused.stderr

    assert run(behind, tmp_path, "migrate").returncode == 1

    assert run(behind, tmp_path, "keys", "create", "--name", "k", migrations="rollback").returncode == 0
    # deployments run `migrate` before each start
    for arguments in (("migrate",), ("migrate", "--check")):
        accepted = run(behind, tmp_path, *arguments, migrations="rollback")
        assert accepted.returncode == 0
        assert accepted.stdout.startswith("Nothing to do: the tables are a newer version's")
