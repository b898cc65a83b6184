"""`greenroom backup` and `greenroom restore`: real processes, real files, and crashes in between."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from greenroom import cli
from greenroom.store import backup as copies
from tests.house import ADA, basic, neighbour
from tests.support.gateways import gateway, set_up
from tests.support.postgres import Postgres, find_binaries

PAGE = Path("docs/backup.md").read_text().partition("## PostgreSQL")[2].partition("\n## ")[0]
#: audit events before which a test can crash the process
EVENTS = ("os.rename", "os.remove", "os.link", "sqlite3.connect")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a gateway that has been used: one project, `first`."""
    for name in [name for name in os.environ if name.startswith("GREENROOM_")]:
        monkeypatch.delenv(name)
    directory = tmp_path / "data"
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(directory))
    create("first")
    return directory


def run(*arguments: str | Path) -> Result:
    """Runs a command in this process, without an answer to its questions."""
    return CliRunner().invoke(cli.app, [str(one) for one in arguments])


def said(result: Result) -> str:
    """Returns the output of a command that failed."""
    assert result.exit_code == 1, result.output
    return f"{result.output} {result.exception}"


def create(project: str) -> None:
    assert run("keys", "create", "--name", "x", "--project", project).exit_code == 0


def projects(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in database.execute("SELECT name FROM projects ORDER BY name")]


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def test_backups_of_a_busy_gateway_have_all_that_was_answered(tmp_path: Path) -> None:
    """Each of several backups is complete, and a gateway on another machine can serve the last one."""
    answered: list[str] = []
    async with neighbour() as vendor, gateway(tmp_path / "data", None) as one:
        key, _, token = await set_up(one, vendor)
        over = asyncio.Event()

        async def order_on(first: int) -> None:
            async with httpx2.AsyncClient(base_url=one.url, timeout=20) as api:
                number = first
                while not over.is_set():
                    body = {"partner_test_id": "pkg_core_sql", "candidate": ADA, "url": f"{vendor.url}/tests/{number}"}
                    path = "/external-trigger/greenhouse/send_test?tenant-id=proctor"
                    answer = await api.post(path, json=body, headers={"authorization": basic(token)})
                    assert answer.status_code == 200
                    answered.append(answer.json()["partner_interview_id"])
                    number += 1

        busy = [asyncio.create_task(order_on(first)) for first in (1_000_000, 2_000_000)]
        backups: list[tuple[Path, set[str]]] = []
        for number in range(3):
            before, file = set(answered), tmp_path / f"backup-{number}.db"
            await asyncio.to_thread(one.run, "backup", str(file), "--with-key")
            backups.append((file, before))
        beside = await asyncio.to_thread(run, "restore", backups[0][0], "--force", "--data", tmp_path / "data")
        over.set()
        await asyncio.gather(*busy)

    assert "Another gateway serves" in said(beside)
    for file, before in backups:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert before <= {id_ for (id_,) in database.execute("SELECT id FROM orders")}
        assert (mode(file), mode(file.with_name(f"{file.name}.key"))) == (0o600, 0o600)
    file, before = backups[-1]
    assert len(before) > len(backups[0][1])
    async with gateway(tmp_path / "elsewhere", None) as other:
        await asyncio.to_thread(other.run, "restore", str(file), "--with-key")
        await other.start()
        async with httpx2.AsyncClient(base_url=other.url, headers={"authorization": basic(key)}, timeout=20) as api:
            assert (await api.get("/v1/integrations/greenhouse")).status_code == 200
            for order_id in sorted(before)[:: max(1, len(before) // 20)]:
                assert (await api.get(f"/v1/orders/{order_id}")).status_code == 200
    assert [path.name for path in tmp_path.glob(".*")] == []  # noqa: ASYNC240


def test_a_backup_says_where_the_key_is(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup without the key names its location on stderr; files are overwritten only with `--force`."""
    file = tmp_path / "b.db"
    without = run("backup", file)
    assert str(data / "secret.key") in without.stderr
    assert not (tmp_path / "b.db.key").exists()

    create("second")
    assert f"{file} is there already" in said(run("backup", file))
    assert projects(file) == ["first"]
    with_key = run("backup", file, "--force", "--with-key")
    assert (with_key.exit_code, with_key.stderr) == (0, "")
    assert projects(file) == ["first", "second"]
    assert (tmp_path / "b.db.key").read_text() == (data / "secret.key").read_text()

    monkeypatch.setenv("GREENROOM_SECRET_KEY", (data / "secret.key").read_text())
    assert "GREENROOM_SECRET_KEY" in run("backup", tmp_path / "c.db").stderr
    assert "not a file" in said(run("backup", tmp_path / "d.db", "--with-key"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("backup", "b.db", "--data", "nowhere"), "There is no database in nowhere"),
        (("backup", "data/greenroom.db", "--force"), "is the database itself"),
        (("backup", "data", "--force"), "is there already"),
        (("backup", "missing/b.db"), "Cannot write into missing"),
        (("restore", "missing.db"), "There is no backup missing.db"),
        (("restore", "first.db", "--force", "--with-key"), "first.db.key"),
    ],
)
def test_an_impossible_command_is_refused(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], reason: str
) -> None:
    """An impossible command is refused with one line, and leaves no file behind."""
    monkeypatch.chdir(tmp_path)
    assert run("backup", "first.db").exit_code == 0
    before = sorted(path.name for path in tmp_path.rglob("*"))

    assert reason in said(run(*arguments))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name != "serve.lock") == before
    assert projects(data / "greenroom.db") == ["first"]


def test_a_database_is_replaced_only_after_a_confirmation(data: Path, tmp_path: Path) -> None:
    """Without an answer to the question nothing is replaced; a restored database has mode 0600."""
    file = tmp_path / "b.db"
    run("backup", file)
    create("second")

    refused = run("restore", file)
    assert (refused.exit_code, projects(data / "greenroom.db")) == (1, ["first", "second"])
    assert "Replace" in refused.output
    done = run("restore", file, "--force")
    assert done.exit_code == 0, done.exception
    assert (projects(data / "greenroom.db"), mode(data / "greenroom.db")) == (["first"], 0o600)
    assert {path.name for path in data.iterdir()} == {"greenroom.db", "secret.key", "serve.lock"}
    create("third")


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[20_000:60_000] = bytes(40_000)
    file.write_bytes(content)


def change(sql: str, file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as database, database:
        database.executescript(sql)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (damage, "b.db"),
        (lambda file: file.write_text("no database " * 1000), "b.db cannot be copied: file is not a database"),
        (lambda file: file.write_bytes(b""), "was ever started"),
        (lambda file: change("UPDATE alembic_version SET version_num = '9999'", file), "a newer Greenroom"),
        (lambda file: change("DELETE FROM installation", file), "was ever started"),
        (lambda file: change("UPDATE installation SET value_sealed = 'gv1.0123.x'", file), "installation"),
    ],
)
def test_an_unusable_backup_is_not_restored(data: Path, tmp_path: Path, spoil: Any, reason: str) -> None:
    """A backup that is damaged, newer or sealed with another key leaves the database unchanged."""
    file = tmp_path / "b.db"
    run("backup", file)
    create("second")
    spoil(file)

    assert reason in said(run("restore", file, "--force"))
    assert projects(data / "greenroom.db") == ["first", "second"]
    create("third")


def test_the_key_has_to_be_the_backups(data: Path, tmp_path: Path) -> None:
    """A missing or different key is refused; with FILE.key an empty machine is restored."""
    file = tmp_path / "b.db"
    run("backup", file, "--with-key")
    elsewhere = tmp_path / "elsewhere"

    assert "--with-key" in said(run("restore", file, "--data", elsewhere))
    elsewhere.joinpath("secret.key").write_text(base64.b64encode(os.urandom(32)).decode())
    elsewhere.joinpath("secret.key").chmod(0o600)
    assert "cannot be opened" in said(run("restore", file, "--data", elsewhere))
    assert "is another key" in said(run("restore", file, "--with-key", "--data", elsewhere))
    assert not (elsewhere / "greenroom.db").exists()
    elsewhere.joinpath("secret.key").unlink()
    assert run("restore", file, "--with-key", "--data", elsewhere).exit_code == 0
    assert "first" in run("keys", "list", "--data", elsewhere).output
    assert mode(elsewhere / "secret.key") == 0o600


def test_an_old_database_that_could_spoil_the_new_one_is_not_replaced(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in use, a damaged one and a leftover -wal file are not replaced."""
    monkeypatch.setattr(copies, "BUSY_S", 0.1)
    file, database = tmp_path / "b.db", data / "greenroom.db"
    run("backup", file)
    with contextlib.closing(sqlite3.connect(database)) as used:
        used.execute("SELECT count(*) FROM projects").fetchone()
        assert "not replaced" in said(run("restore", file, "--force"))
    database.write_text("no database " * 1000)
    assert "not replaced" in said(run("restore", file, "--force"))
    database.rename(tmp_path / "old.db")
    (data / "greenroom.db-wal").write_text("of another database")
    assert "greenroom.db-wal would be taken for a part" in said(run("restore", file))
    (data / "greenroom.db-wal").unlink()
    assert run("restore", file).exit_code == 0
    assert projects(database) == ["first"]


@pytest.fixture
def killed_gateway(data: Path, tmp_path: Path) -> Iterator[Path]:
    """A data directory after `kill -9`: the project `second` is in the -wal file alone."""
    copy = tmp_path / "killed"
    with contextlib.closing(sqlite3.connect(data / "greenroom.db")) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        with writer:
            writer.execute("INSERT INTO projects (id, name, created_at) VALUES ('prj_2', 'second', 0)")
        shutil.copytree(data, copy)
    return copy


def test_a_crash_in_between_leaves_the_old_or_the_new(killed_gateway: Path, data: Path, tmp_path: Path) -> None:
    """A crash at any rename, removal or opening leaves a whole database, which can be restored afterwards."""
    file, found = tmp_path / "b.db", []
    with contextlib.closing(sqlite3.connect(data / "greenroom.db")) as database, database:
        database.execute("DELETE FROM projects WHERE id = 'prj_2'")
        database.execute("UPDATE projects SET name = 'restored'")
    run("backup", file)
    for number in range(1, 100):
        state = tmp_path / f"crash-{number}"
        shutil.copytree(killed_gateway, state)
        ended = restore_and_crash(file, state, at=number)
        found.append(projects(state / "greenroom.db"))
        if ended:
            break
        assert run("restore", file, "--force", "--data", state).exit_code == 0
        assert projects(state / "greenroom.db") == ["restored"]
        assert {path.name for path in state.iterdir()} == {"greenroom.db", "secret.key", "serve.lock"}

    assert found.count(["first", "second"]) + found.count(["restored"]) == len(found) > 5
    assert (found[0], found[-1]) == (["first", "second"], ["restored"])


def restore_and_crash(file: Path, data: Path, *, at: int) -> bool:
    """Restores in a process that is killed before this file operation; returns whether it ended before that."""
    child = os.fork()
    if child == 0:
        left = at

        def count(event: str, _: Any) -> None:
            nonlocal left
            left -= event in EVENTS
            if left == 0 and event in EVENTS:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            cli.app(["restore", str(file), "--force", "--data", str(data)], standalone_mode=False)
        except BaseException:  # noqa: BLE001 - the child must not return into the test run
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


@pytest.mark.postgres
def test_the_commands_for_postgresql_work(
    postgres: Postgres, migrated: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The printed commands are in docs/backup.md, and those work as they are written there."""
    url, restored = postgres.create_database(migrated), postgres.url("greenroom_restored")
    for name, value in {"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": url}.items():
        monkeypatch.setenv(f"GREENROOM_{name}", value)
    create("first")

    for command in ("backup", "restore"):
        refused = said(run(command, tmp_path / "greenroom.dump"))
        assert "docs/backup.md" in refused
        assert all(line.strip() in PAGE for line in refused.splitlines() if line.startswith("  "))
    dump, restore = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    environment = {
        "PATH": f"{find_binaries()}:{os.environ['PATH']}",
        "GREENROOM_DATABASE_URL": url,
        "ADMIN_URL": postgres.url(),
        "NEW_DATABASE_URL": restored,
    }
    for commands in (dump, restore):
        done = subprocess.run(["sh", "-ec", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

    assert mode(tmp_path / "greenroom.dump") == 0o600
    monkeypatch.setenv("GREENROOM_DATABASE_URL", restored)
    assert run("migrate", "--check").exit_code == 0
    assert "first" in run("keys", "list").output
