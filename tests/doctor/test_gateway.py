"""Causes that concern the whole installation."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from greenroom.app import open_gateway
from greenroom.cli import app
from greenroom.context import Context
from greenroom.doctor.diagnosis import diagnose
from greenroom.services import heartbeats, projects
from greenroom.settings import Settings
from greenroom.store.db import Tx
from greenroom.store.migrate import list_revisions
from tests.doctor.scenarios import Patient
from tests.house import House, basic
from tests.support import sqlite

INSTALLATION = {"type": "installation", "id": None, "name": None}
Usage = namedtuple("Usage", "total used free")


@contextmanager
def settings(house: House, **changed: Any) -> Iterator[None]:
    """Changes settings of the running gateway."""
    ctx = house.app.state.ctx
    house.app.state.ctx = replace(ctx, settings=ctx.settings.model_copy(update=changed))
    yield
    house.app.state.ctx = ctx


async def change(ctx: Context, sql: str, *values: Any) -> None:
    async def work(tx: Tx) -> None:
        await tx.run(sql, *values)

    await ctx.store.write(work)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://gateway.acme.com", "gateway.public_url_not_https"),
        ("https://10.1.2.3:8443", "gateway.public_url_private"),
        ("https://greenroom.local", "gateway.public_url_private"),
        ("https://localhost:8000", "gateway.public_url_private"),
        ("https://[fd00::1]", "gateway.public_url_private"),
    ],
)
async def test_a_public_url_that_nobody_reaches(house: House, patient: Patient, url: str, code: str) -> None:
    """The setting is in the proof; nothing is found in development, nor with a public https address."""
    with settings(house, public_url=url):
        await patient.is_healthy()
    with settings(house, public_url=url, allow_http=False):
        found = await patient.has(code, public_url=url)
        assert found["subject"] == INSTALLATION
    with settings(house, public_url="https://gateway.acme.com", allow_http=False):
        await patient.is_healthy()


async def test_calls_under_another_host(house: House, patient: Patient) -> None:
    """The host of authenticated calls is in the proof; a call under the public URL's host ends the finding."""
    await patient.is_healthy()
    linked = patient.linked
    path = f"/external-trigger/greenhouse/list_tests?tenant-id={linked.tenant}"

    async def call(host: str, token: str, status: int) -> None:
        headers = {"authorization": basic(token), "host": host}
        assert (await house.client.get(path, headers=headers)).status_code == status

    await call("made-up.attacker.com", "unknown", 401)
    await call("10.0.0.5:8000", linked.token, 200)  # a proxy that sends its own name of this process
    await call("127.0.0.1:8000", linked.token, 200)
    await patient.is_healthy()
    await call("Gateway.Acme.com:443", linked.token, 200)
    public_url = house.settings.public_url
    found = await patient.has("gateway.public_url_mismatch", host="gateway.acme.com", public_url=public_url)
    assert found["subject"] == INSTALLATION
    with settings(house, public_url="https://gateway.acme.com"):
        await patient.is_healthy()
    await linked.call("list_tests")
    await patient.is_healthy()


async def test_no_worker(tmp_path: Path, database_url: str) -> None:
    """Due deliveries and no worker are an error, until one runs."""
    server = {"database_url": database_url} if database_url.startswith("postgresql") else {}
    configured = Settings.model_validate({"data_dir": tmp_path, "allow_http": True, **server})
    async with open_gateway(configured) as gateway:
        ctx = gateway.ctx
        project = await projects.ensure(ctx, "proctor")
        assert await diagnose(ctx, project.id) == []
        await change(ctx, "INSERT INTO events (id, project_id, type, payload, created_at) "
                     "VALUES ('evt_1', $1, 'x', '{}', now_ms())", project.id)  # fmt: skip
        await change(
            ctx,
            "INSERT INTO deliveries (id, project_id, event_id, lane, destination_id, event_name, trigger, state, "
            "attempts, due_at, created_at, updated_at) VALUES ('dlv_1', $1, 'evt_1', 'vendor', 'whk_1', 'x', 'new', "
            "'pending', 0, now_ms() - 31000, now_ms(), now_ms())",
            project.id,
        )
        [found] = await diagnose(ctx, project.id)
        assert (found.code, found.severity, found.subject.type) == ("gateway.no_worker", "error", "installation")
        assert found.proof["overdue_s"] >= 31
        await heartbeats.beat(ctx, "worker:1")
        assert await diagnose(ctx, project.id) == []
        await heartbeats.end(ctx, "worker:1")
        [found] = await diagnose(ctx, project.id)
        assert found.code == "gateway.no_worker"


async def test_the_engine_sends_heartbeats(house: House) -> None:
    """A running worker is listed with its clock."""
    ctx = house.app.state.ctx
    async with asyncio.timeout(20):
        while not await ctx.store.read(lambda tx: tx.all("SELECT worker FROM worker_heartbeats")):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("seconds", "severity"), [(-12, "warning"), (3700, "error")])
async def test_a_clock_that_is_off(house: House, patient: Patient, seconds: int, severity: str) -> None:
    """The seconds are in the proof, for this process and for another worker."""
    ctx = house.app.state.ctx
    house.app.state.ctx = replace(ctx, now=lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    found = await patient.has("gateway.clock_skew", process="this process")
    assert abs(found["proof"]["seconds"] - seconds) < 2
    assert found["severity"] == severity
    house.app.state.ctx = ctx
    await patient.is_healthy()
    await change(ctx, "INSERT INTO worker_heartbeats VALUES ('far:7', now_ms(), $1)", seconds * 1000)
    await patient.has("gateway.clock_skew", process="far:7", seconds=float(seconds))
    await heartbeats.end(ctx, "far:7")
    await patient.is_healthy()


@pytest.mark.parametrize(
    ("total", "free", "severity"),
    [(2**40, 2**30 - 1, "warning"), (2**40, 2**20, "error"), (2**26, 2**22, "warning"), (2**26, 2**25, None)],
)
async def test_a_disk_that_is_almost_full(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, total: int, free: int, severity: str | None
) -> None:
    """The free bytes are in the proof; half a small disk is enough."""
    await patient.is_healthy()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: Usage(total, total - free, free))
        if severity:
            assert (await patient.has("gateway.disk_low", free_bytes=free))["severity"] == severity
        else:
            await patient.is_healthy()
    await patient.is_healthy()


async def test_a_migration_that_is_pending(house: House, patient: Patient) -> None:
    """The revisions are in the proof; a newer version's revision is no finding."""
    await patient.is_healthy()
    ctx, revisions = house.app.state.ctx, list_revisions()
    await change(ctx, "UPDATE alembic_version SET version_num = $1", revisions[-2])
    found = await patient.has("gateway.migration_pending", revision=revisions[-2], expected=revisions[-1])
    assert found["subject"] == INSTALLATION
    await change(ctx, "UPDATE alembic_version SET version_num = $1", "9999")
    await patient.is_healthy()
    await change(ctx, "UPDATE alembic_version SET version_num = $1", revisions[-1])
    await patient.is_healthy()


def test_the_command_reports_a_pending_migration(tmp_path: Path) -> None:
    """`greenroom doctor` reports it and applies nothing, unlike other commands."""
    path, revisions = tmp_path / "greenroom.db", list_revisions()
    sqlite.create_database(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revisions[-2]])
    done = CliRunner().invoke(app, ["doctor", "--json", "--data", str(tmp_path)])
    assert done.exit_code == 1, done.output
    [found] = json.loads(done.stdout)["findings"]
    assert (found["code"], found["proof"]["pending"]) == ("gateway.migration_pending", revisions[-1:])
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revisions[-2],)
