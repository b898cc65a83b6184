"""The commands of docs/operations.md and docs/deploy.md that need no root do what the pages say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from greenroom.database_url import connect_options
from greenroom.security.vault import parse_keys
from greenroom.settings import Settings
from tests.deploy import ROOT
from tests.support import stem
from tests.support.postgres import Postgres, find_binaries


def read_block(page: str, heading: str) -> str:
    """Returns the first `sh` block below a heading."""
    below = (ROOT / "docs" / page).read_text().partition(f"# {heading}\n")[2]
    found = re.search(r"^ *```sh\n(.*?)^ *```", below, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return textwrap.dedent(found[1])


def run(script: str, directory: Path, **variables: str) -> str:
    """Runs a block with this environment's `greenroom`, and returns what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    path = f"{Path(sys.executable).parent}:{find_binaries()}:{kept['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory, env={**kept, **variables, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_sqlite_drill(tmp_path: Path) -> None:
    """The drill shows the keys of the backup and leaves nothing behind."""
    variables = {"GREENROOM_DATA_DIR": str(tmp_path / "data")}
    made = stem.greenroom("keys", "create", "--name", "vendor", environment={**os.environ, **variables})
    assert made.returncode == 0

    printed = run(read_block("operations.md", "SQLite drill"), tmp_path, **variables)

    assert "Up to date." in printed
    assert "vendor" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.postgres
def test_the_postgresql_drill(postgres: Postgres, migrated: str, tmp_path: Path) -> None:
    """The drill restores a dump into a database of its own, shows the keys, and drops it."""
    url = postgres.create_database(migrated)
    variables = {"GREENROOM_DATABASE_URL": url, "GREENROOM_DATA_DIR": str(tmp_path / "data")}
    made = stem.greenroom("keys", "create", "--name", "vendor", environment={**os.environ, **variables})
    assert made.returncode == 0, made.stderr

    drill = postgres.url("greenroom_drill")
    printed = run(read_block("operations.md", "PostgreSQL drill"), tmp_path, **variables, DRILL_URL=drill)

    assert "Up to date." in printed
    assert "vendor" in printed
    assert "DROP DATABASE" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_the_secrets_of_compose(tmp_path: Path) -> None:
    """The block makes files that the gateway accepts, closed to other users."""
    (tmp_path / "deploy").mkdir()
    run(read_block("deploy.md", "Compose"), tmp_path)

    secrets = tmp_path / "deploy" / "secrets"
    settings = Settings.from_environment(
        {
            "GREENROOM_DATABASE_URL_FILE": str(secrets / "database_url"),
            "GREENROOM_SECRET_KEY_FILE": str(secrets / "secret_key"),
        }
    )
    assert settings.database_url is not None
    assert connect_options(settings.database_url)["password"] == (secrets / "database_password").read_text()
    assert len(parse_keys(settings.secret_key)) == 1
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert (secrets / "secret_key").stat().st_mode & 0o777 == 0o400
