"""A short run of the real command reports every section and leaves nothing behind."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from greenroom.bench.bench import Bench, BenchFailed
from greenroom.bench.figures import Figure
from greenroom.bench.run import SECTIONS, run
from greenroom.engine.slots import LEASE
from tests.support import stem
from tests.support.postgres import Postgres, in_thread

TINY = ["--seconds", "0.2", "--rounds", "1", "--scale", "0.02"]
#: ends every lease; the table's lock first, because row locks alone can deadlock with a worker's claim
END_LEASES = (
    "LOCK TABLE deliveries IN EXCLUSIVE MODE; "
    f"UPDATE deliveries SET due_at = due_at - {int(LEASE.total_seconds() * 1000)}"
)
FIELDS = {
    "section",
    "name",
    "value",
    "unit",
    "against",
    "base",
    "ratio",
    "bar",
    "at_most",
    "met",
    "missed_by",
}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "greenroom", "bench", *arguments]


def environment(directory: Path) -> dict[str, str]:
    """Returns an environment with temporary files in `directory`, and without the operator's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GREENROOM_")}
    return {**kept, "TMPDIR": str(directory), "GREENROOM_DATABASE_URL": "postgresql://nowhere.invalid/production"}


def bench(
    directory: Path, *arguments: str, receive: Callable[[str], None] = lambda _: None
) -> subprocess.CompletedProcess[str]:
    """Runs the command; `receive` gets each line of its standard error as it comes."""
    said = []
    with subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(directory),
        cwd=directory,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            receive(line)
        printed = process.stdout.read()
    return subprocess.CompletedProcess(process.args, process.returncode, printed, "".join(said))


def living(directory: Path) -> list[str]:
    """Returns the processes of a run in this directory; their environment names it."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={directory}".encode() in environ.read_bytes().split(b"\0"):
                found.append((environ.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def check(report: dict[str, Any], sections: list[str]) -> None:
    assert set(report) == {"machine", "database", "options", "took_s", "failed", "figures"}
    assert report["failed"] == {}
    assert {"cpu", "cores", "kernel", "python", "at"} == set(report["machine"])
    assert list(dict.fromkeys(figure["section"] for figure in report["figures"])) == sections
    for figure in report["figures"]:
        assert set(figure) == FIELDS
        assert math.isfinite(figure["value"])
        assert figure["value"] > 0, figure
        assert (figure["ratio"] is None) == (figure["against"] is None)
        assert figure["ratio"] is None or (math.isfinite(figure["ratio"]) and figure["ratio"] > 0), figure
        assert (figure["met"] is None) == (figure["bar"] is None)


SQLITE = ["limits", "accept", "deliver", "latency", "enrichment", "isolation", "flood", "killed", "retention"]


def test_sections_on_sqlite(tmp_path: Path) -> None:
    """Standard output is JSON alone; no process and no file is left."""
    done = bench(tmp_path, *TINY, "--only", ",".join(SQLITE), "--json")

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check(report, SQLITE)
    assert report["database"].startswith("SQLite")
    bars = {(figure["section"], figure["bar"]) for figure in report["figures"] if figure["bar"] is not None}
    assert bars == {
        ("accept", 0.6),
        ("accept", 0.5),
        ("deliver", 0.7),
        ("latency", 10),
        ("enrichment", 1.2),
        ("isolation", 1.2),
        ("flood", 1.2),
        ("flood", 1.0),
        ("killed", 1.0),
        ("retention", 0.99),
    }
    assert (living(tmp_path), list(tmp_path.iterdir())) == ([], [])


#: `growth` suspends workers; on a busy machine they may withhold what they have claimed for longer than it waits
ON_POSTGRESQL = ["killed", pytest.param("growth", marks=pytest.mark.scale)]


@pytest.mark.postgres
@pytest.mark.parametrize("section", ON_POSTGRESQL)
def test_sections_on_postgresql(section: str, tmp_path: Path, postgres: Postgres) -> None:
    """Each section's own database is dropped; the database of the URL is unchanged."""

    def end_leases(line: str) -> None:  # the run would wait for the leases of the killed workers
        if "waiting for all" in line:
            for name in left(url)[0]:
                in_thread(execute(postgres.url(name), END_LEASES))

    assert set(SECTIONS) == {*SQLITE, "growth"}
    url = postgres.create_database()
    done = bench(tmp_path, *TINY, "--only", section, "--database-url", url, "--json", receive=end_leases)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    check(report, [section])
    assert report["database"].startswith("PostgreSQL")
    assert left(url) == ([], [])
    assert (living(tmp_path), list(tmp_path.iterdir())) == ([], [])


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def left(url: str) -> tuple[list[str], list[str]]:
    """Returns the benchmark's databases on the server, and the tables in the database of the URL."""
    found: tuple[list[str], list[str]] = ([], [])

    async def look() -> None:
        connection = await asyncpg.connect(url)
        try:
            rows = await connection.fetch("SELECT datname FROM pg_database WHERE datname LIKE 'greenroom%bench%'")
            found[0].extend(row["datname"] for row in rows)
            rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            found[1].extend(row["tablename"] for row in rows)
        finally:
            await connection.close()

    in_thread(look())
    return found


def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    """A run that is stopped within a section ends its gateway, receiver and load."""
    with subprocess.Popen(
        command("--only", "deliver", "--seconds", "5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
        cwd=tmp_path,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "queueing" in line:
                break
        assert len(living(tmp_path)) >= 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 130

    assert (living(tmp_path), list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--only", "accept,speed"], 2, "speed is not a section"),
        (["--database-url", "postgresql://127.0.0.1:1/x"], 1, "--database-url"),
    ],
)
def test_an_impossible_run_is_refused(arguments: list[str], status: int, said: str, tmp_path: Path) -> None:
    done = stem.greenroom("bench", *arguments, environment=environment(tmp_path))

    assert done.returncode == status
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_a_section_that_fails_leaves_the_others_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed section is in the report with its cause."""

    def fails(_: Bench) -> list[Figure]:
        raise BenchFailed("nothing came")

    monkeypatch.setattr(
        "greenroom.bench.run.SECTIONS", {"one": fails, "two": lambda _: [Figure("two", "x", 1.0, "/s")]}
    )
    report = run(server=None, only=["one", "two"], seconds=1, rounds=1, scale=1, full=False, say=lambda _: None)

    assert report.failed == {"one": "nothing came"}
    assert [figure.section for figure in report.figures] == ["two"]
