"""The page of alerts: the recipients, how the mails went, and a test mail through a real mail server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from greenroom.services import alert_mails, projects
from tests.house import House, Linked, open_house
from tests.support.mail_server import MailServer, body_of, mail_server
from tests.web.test_people import join, sign_in
from tests.web.visitors import Visitor

ADA, BOB = "ada@proctor.example", "bob@example.com"


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    """A mail server on this machine."""
    async with mail_server() as one:
        yield one


@pytest.fixture
async def house(tmp_path: Path, server: MailServer) -> AsyncIterator[House]:
    """A gateway with that mail server."""
    mail = {"smtp_url": f"smtp://127.0.0.1:{server.port}", "mail_from": "Greenroom <greenroom@gateway.example>"}
    async with open_house(tmp_path, **mail) as one:
        yield one


async def page_of(house: House) -> str:
    """Returns the path of the page."""
    project = await projects.find_by_name(house.app.state.ctx, "proctor")
    assert project is not None
    return f"/projects/{project.id}/settings/alerts"


async def test_members_and_other_addresses(house: House, proctor: Linked) -> None:
    """Members are boxes, the others are lines; a refused form keeps its values."""
    await join(house, "developer", BOB)
    owner, page = await Visitor.sign_in(house), await page_of(house)
    good = {"members": [BOB], "emails": f"{ADA}\n", "min_severity": "warning"}
    saved = await owner.submit(page, good, on=page)
    assert (saved.status_code, saved.headers["location"]) == (303, page)
    shown = (await owner.get(page)).text
    assert f'name="members" value="{BOB}" checked' in shown
    assert f">\n{ADA}</textarea>" in shown
    assert 'value="warning" checked' in shown
    assert "No mail yet" in shown

    refused = await owner.submit(page, {"emails": "ada@", "min_severity": "error"}, on=page)
    assert refused.status_code == 422
    assert ">\nada@</textarea>" in refused.text
    assert "expected an e-mail address" in refused.text
    assert (await owner.submit(page, {**good, "min_severity": "x"}, on=page)).status_code == 422
    found = await alert_mails.get(house.app.state.ctx, page.split("/")[2])
    assert found.emails == (ADA, BOB)


async def test_a_test_mail(house: House, proctor: Linked, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address gets one, and the page shows the server's own words, good and bad."""
    owner, page = await Visitor.sign_in(house), await page_of(house)
    assert (await owner.submit(f"{page}/test", on=page)).status_code == 422
    await owner.submit(page, {"emails": ADA, "min_severity": "error"}, on=page)
    sent = await owner.submit(f"{page}/test", on=page)
    assert sent.status_code == 200
    assert "The mail server accepted it: 2.0.0 queued as 1" in sent.text
    [message] = server.received
    assert (message["To"], message["Subject"]) == (ADA, "[proctor] Test e-mail")
    assert f"{house.settings.public_url}{page}" in body_of(message)

    server.recipient = "550 5.1.1 <ada@proctor.example>: no such <user>"
    failed = await owner.submit(f"{page}/test", on=page)
    assert "does not take mail for this address. It answered 550" in failed.text
    assert "no such &lt;user&gt;" in failed.text
    monkeypatch.setattr(alert_mails, "MOST_TESTS", 2)
    refused = await owner.submit(f"{page}/test", on=page)
    assert refused.status_code == 422
    assert "No more than 2 test mails in an hour." in refused.text
    assert server.conversations == 2


async def test_a_viewer_changes_nothing(house: House, proctor: Linked) -> None:
    """The addresses are shown, the forms are not."""
    await join(house, "viewer")
    await sign_in(house)
    viewer, page = Visitor(house), await page_of(house)
    shown = await viewer.get(page)
    assert shown.status_code == 200
    assert "A developer can change this." in shown.text
    assert "Save alerts" not in shown.text
    for path in (page, f"{page}/test"):
        assert (await viewer.submit(path, {"emails": ADA, "min_severity": "error"})).status_code == 403


async def test_without_a_mail_server(tmp_path: Path) -> None:
    """The page says which settings are missing."""
    (tmp_path / "other").mkdir()
    async with open_house(tmp_path / "other") as house:
        await house.link("proctor")
        owner, page = await Visitor.sign_in(house), await page_of(house)
        await owner.submit(page, {"emails": ADA, "min_severity": "error"}, on=page)
        shown = (await owner.get(page)).text
        assert "GREENROOM_SMTP_URL" in shown
        assert "Send test e-mail" not in shown
        assert (await owner.submit(f"{page}/test", on=page)).status_code == 422
