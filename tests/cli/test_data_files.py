"""The files in the data directory: their modes, and no new key in the place of a missing one."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import Postgres


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    return {**kept, "GREENROOM_DATA_DIR": str(data), **more}


def greenroom(*arguments: str, data: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with umask 0."""
    return subprocess.run(
        [sys.executable, "-m", "greenroom", *arguments],
        capture_output=True, text=True, env=environment(data, **more), umask=0,
    )  # fmt: skip


def serve_for_a_moment(data: Path) -> tuple[dict[str, int], str]:
    """Runs a gateway with umask 0 and returns the mode of each file and the log."""
    with subprocess.Popen(
        [sys.executable, "-m", "greenroom", "serve", "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(data), umask=0,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Greenroom: http")
        modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()}
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    return modes, log


def test_data_files_are_closed_to_others(tmp_path: Path) -> None:
    """All files get mode 0600; the log warns of an open directory and of files that were open before."""
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    made = greenroom("keys", "create", "--name", "x", data=data)
    assert (made.returncode, made.stderr) == (0, f"Stored in SQLite: {data / 'greenroom.db'}\n")
    modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()}
    assert modes == {"greenroom.db": 0o600, "secret.key": 0o600}

    for name in ("greenroom.db", "serve.lock"):
        (data / name).touch()
        (data / name).chmod(0o644)
    modes, log = serve_for_a_moment(data)

    assert {"greenroom.db", "greenroom.db-wal", "greenroom.db-shm", "serve.lock", "secret.key"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert [line.count("data_dir_open_to_others") for line in log.splitlines()].count(1) == 1
    assert f"chmod 700 {data}" in log
    assert log.count("data_file_was_open_to_others") == 2
    data.chmod(0o700)
    assert "open_to_others" not in serve_for_a_moment(data)[1]


def test_no_new_key_is_made_where_the_right_one_is_missing(tmp_path: Path) -> None:
    """The error names the missing key and the remedy; with the key as a setting or a file, the data is readable."""
    assert greenroom("keys", "create", "--name", "x", "--project", "acme", data=tmp_path).returncode == 0
    key = (tmp_path / "secret.key").read_text().strip()
    (tmp_path / "secret.key").rename(tmp_path / "moved")

    refused = greenroom("serve", "--port", "0", data=tmp_path)

    assert refused.returncode == 1
    assert refused.stderr.startswith("greenroom: The encryption key is missing")
    assert str(tmp_path / "secret.key") in refused.stderr
    assert "GREENROOM_SECRET_KEY" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "secret.key").exists()
    assert "acme" in greenroom("keys", "list", data=tmp_path, GREENROOM_SECRET_KEY=key).stdout
    (tmp_path / "moved").rename(tmp_path / "secret.key")
    assert "acme" in greenroom("keys", "list", data=tmp_path).stdout


@pytest.mark.postgres
def test_a_second_machine_without_the_key_makes_none(postgres: Postgres, migrated: str, tmp_path: Path) -> None:
    """On a PostgreSQL with sealed values, a machine without the right key is refused and creates no key."""
    url = postgres.create_database(migrated)
    first, second = tmp_path / "first", tmp_path / "second"
    assert greenroom("keys", "create", "--name", "x", data=first, GREENROOM_DATABASE_URL=url).returncode == 0

    refused = greenroom("keys", "list", data=second, GREENROOM_DATABASE_URL=url)
    wrong = base64.b64encode(os.urandom(32)).decode()
    other = greenroom("keys", "list", data=second, GREENROOM_DATABASE_URL=url, GREENROOM_SECRET_KEY=wrong)

    assert (refused.returncode, other.returncode) == (1, 1)
    assert "The encryption key is missing" in refused.stderr
    assert "Check GREENROOM_SECRET_KEY" in other.stderr
    assert not (second / "secret.key").exists()
