"""Alerts by e-mail from real traffic, through a real mail server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from greenroom.doctor import alerts
from greenroom.doctor.alerts import send_next
from greenroom.mail_settings import MailServer as Server
from greenroom.outbound.mail import Mailer
from greenroom.services import alert_mails, projects
from greenroom.store import alerts as alert_rows
from tests.doctor.scenarios import Patient
from tests.doctor.test_watch import diagnose_now
from tests.house import House, open_house
from tests.support.mail_server import PASSWORD, USER, MailServer, body_of, mail_server, trusting

ADA, OPS = "ada@proctor.example", "ops@gateway.example"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server that asks for a password over TLS."""
    async with mail_server(starttls=True, signs_in=True) as one:
        yield one


@pytest.fixture
async def house(tmp_path: Path, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """A gateway with that mail server, whose own job sends nothing: tests let it run."""
    monkeypatch.setattr(alert_rows, "GATHER", timedelta(0))
    monkeypatch.setattr("greenroom.app.open_mailer", lambda _: None)
    mail: dict[str, Any] = {
        "smtp_url": f"smtp://{USER}:secret@localhost:{server.port}?starttls=required",
        "mail_from": "Greenroom <greenroom@gateway.example>",
        "alert_emails": (OPS,),
    }
    async with open_house(tmp_path, **mail) as one:
        yield one


@pytest.fixture
async def mailer(server: MailServer) -> AsyncIterator[Mailer]:
    """The mailer of the gateway."""
    configured = Server("localhost", server.port, "starttls", USER, PASSWORD)
    one = Mailer(configured, ("Greenroom", "greenroom@gateway.example"), tls=trusting())
    yield one
    one.close()


async def send_all(patient: Patient, mailer: Mailer) -> None:
    """Runs the job until no mail is due."""
    ctx = patient.linked.house.app.state.ctx
    async with asyncio.timeout(20):
        while await send_next(ctx, mailer) < alerts.IDLE_S:
            pass


async def alert(patient: Patient, *emails: str) -> str:
    """Sets the recipients of the project's alerts; returns the project's id."""
    ctx = patient.linked.house.app.state.ctx
    project = await projects.find_by_name(ctx, "proctor")
    assert project is not None
    await alert_mails.put(ctx, project.id, emails, "error")
    return project.id


async def test_a_problem_and_its_end_arrive(patient: Patient, server: MailServer, mailer: Mailer) -> None:
    """As two mails of one thread, and each once."""
    project_id = await alert(patient, ADA)
    hook = f"/v1/webhooks/{patient.hook['id']}"
    assert (await patient.linked.api("PATCH", hook, json={"enabled": False})).status_code == 200
    for _ in range(2):
        await diagnose_now(patient)
        await send_all(patient, mailer)
    [opened] = server.received
    assert (opened["To"], opened["From"]) == (ADA, "Greenroom <greenroom@gateway.example>")
    assert opened["Subject"].strip() == "[proctor] Orders reach nobody: the webhook for them is switched off (orders)"
    address = patient.linked.house.settings.public_url
    assert f"{address}/projects/{project_id}/findings?code=webhook.disabled&q={patient.hook['id']}" in body_of(opened)

    assert (await patient.linked.api("PATCH", hook, json={"enabled": True})).status_code == 200
    await diagnose_now(patient)
    await send_all(patient, mailer)
    closed = server.received[1]
    assert len(server.received) == 2
    assert closed["Subject"].startswith("[proctor] Closed: Orders reach nobody")
    assert closed["In-Reply-To"] == closed["References"] == opened["Message-ID"]


async def test_an_outage_of_the_mail_server(
    patient: Patient, server: MailServer, mailer: Mailer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alert waits, is sent after the outage, and no log line has the password."""
    project_id = await alert(patient, ADA)
    ctx = patient.linked.house.app.state.ctx
    hook = f"/v1/webhooks/{patient.hook['id']}"
    server.answers = ["451 4.3.0 try again later", "250 OK"]
    with structlog.testing.capture_logs() as logged:
        assert (await patient.linked.api("PATCH", hook, json={"enabled": False})).status_code == 200
        await diagnose_now(patient)
        wrong = replace(mailer.server, password="wr0ng-password")
        await send_all(patient, Mailer(wrong, ("", "greenroom@gateway.example"), tls=trusting()))
        await ctx.store.write(lambda tx: tx.run("UPDATE alert_recipients SET due_at = now_ms()"))
        await send_all(patient, mailer)
        await ctx.store.write(lambda tx: tx.run("UPDATE alert_recipients SET due_at = now_ms()"))
        await send_all(patient, mailer)
    assert len(server.received) == 1
    assert [one["kind"] for one in logged if one["event"] == "alert_mail_failed"] == ["mail_server", "mail_refused"]
    [recipient] = (await alert_mails.get(ctx, project_id)).recipients
    assert (recipient.failure, recipient.waiting) == (None, 0)
    said = json.dumps([repr(one) for one in logged]) + "".join(capsys.readouterr())
    assert PASSWORD not in said
    assert "wr0ng-password" not in said


async def test_a_mail_server_that_takes_no_mail(patient: Patient, server: MailServer, mailer: Mailer) -> None:
    """It is a finding after three attempts, about which no mail is sent, until a mail is accepted."""
    await alert(patient, ADA)
    ctx = patient.linked.house.app.state.ctx
    hook = f"/v1/webhooks/{patient.hook['id']}"

    async def attempt() -> None:
        await ctx.store.write(lambda tx: tx.run("UPDATE alert_recipients SET due_at = now_ms()"))
        await send_all(patient, mailer)

    assert (await patient.linked.api("PATCH", hook, json={"enabled": False})).status_code == 200
    await diagnose_now(patient)
    assert (await patient.linked.api("PATCH", hook, json={"enabled": True})).status_code == 200
    server.answers = ["451 4.3.0 try again later"]
    for _ in range(3):
        await attempt()
    await patient.is_healthy()  # a single message or recipient that is refused is not the server's fault
    server.sender = "550 5.7.1 <greenroom@gateway.example> may not send"
    await attempt()
    found = await patient.has("gateway.mail_failing", recipients=1)
    assert found["subject"]["type"] == "installation"
    assert "It answered 550: 5.7.1 <greenroom@gateway.example> may not send." in found["proof"]["reason"]
    await diagnose_now(patient)

    server.sender, server.answers = None, ["250 OK"]
    await attempt()
    await patient.is_healthy()
    await diagnose_now(patient)
    await send_all(patient, mailer)
    assert [one["To"] for one in server.received] == [ADA]
    assert "Closed: Orders reach nobody" in body_of(server.received[0])
