"""Mails by SMTP: the message that a real server receives, and the verdicts on its refusals."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.mail_settings import MailServer as Server
from greenroom.mail_settings import Security
from greenroom.model.mails import Mail
from greenroom.outbound.mail import Mailer
from tests.support.mail_server import PASSWORD, USER, MailServer, body_of, mail_server, trusting

FROM = ("Greenroom", "greenroom@gateway.example")
MAIL = Mail("ada@proctor.example", "[Northwind] It broke", "It broke.\n", "<p>It broke.</p>", "fnd_1.opened")

Made = Callable[..., Mailer]


@pytest.fixture
async def made() -> AsyncIterator[Made]:
    """Makes mailers, and closes them."""
    async with AsyncExitStack() as stack:

        def make(port: int, security: Security = "none", *, password: str | None = None, trusts: bool = True) -> Mailer:
            user = USER if password else None
            server = Server("localhost", port, security, user, password)
            one = Mailer(server, FROM, tls=trusting() if trusts else None)
            stack.callback(one.close)
            return one

        yield make


async def refused(mailer: Mailer, **changes: Any) -> RemoteError:
    """Sends a mail that is not accepted; returns the error."""
    with pytest.raises(RemoteError) as raised:
        await mailer.send(MAIL, **changes)
    assert PASSWORD not in raised.value.reason
    assert raised.value.__cause__ is None
    return raised.value


@pytest.mark.parametrize(("tls", "security"), [(True, "tls"), (False, "starttls")])
async def test_a_mail_over_tls_with_a_password(made: Made, tls: bool, security: Security) -> None:
    """The server gets both bodies, the envelope, and the headers of an automatic mail."""
    async with mail_server(tls=tls, starttls=not tls, signs_in=True) as server:
        answer = await made(server.port, security, password=PASSWORD).send(MAIL)
    assert "queued as 1" in answer
    assert server.envelopes == [("greenroom@gateway.example", ["ada@proctor.example"])]
    assert (server.secure, server.users) == ([True], [USER])
    [message] = server.received
    assert (message["From"], message["To"]) == ("Greenroom <greenroom@gateway.example>", "ada@proctor.example")
    assert message["Message-ID"] == "<fnd_1.opened@gateway.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert (body_of(message), body_of(message, "html")) == ("It broke.", "<p>It broke.</p>")


async def test_no_name_of_a_project_adds_a_header(made: Made) -> None:
    """Line breaks become spaces, other writing systems arrive, and a long subject is cut."""
    subject = "[Nord\r\nBcc: mallory@evil.example\r\n\r\nwind] Ärger \u2028Übung " + "x" * 500
    mail = Mail("ada@proctor.example", subject, "zażółć\n.\n", "<p>–</p>", "a", about=("b", "a", "c"))
    async with mail_server() as server:
        await made(server.port).send(mail)
    [message] = server.received
    assert message["Bcc"] is None
    assert str(message["Subject"]).startswith("[Nord Bcc: mallory@evil.example wind] Ärger Übung xxx")
    assert len(message["Subject"]) == 200
    assert server.envelopes[0][1] == ["ada@proctor.example"]
    assert message["References"] == "<b@gateway.example> <c@gateway.example>"
    assert body_of(message).split() == ["zażółć", "."]


@pytest.mark.parametrize(
    ("changes", "error", "kind", "words"),
    [
        ({"recipient": "550 5.1.1 no such user"}, GiveUp, "mail_refused", "550: 5.1.1 no such user"),
        ({"recipient": "450 4.2.0 greylisted"}, TryLater, "mail_refused", "450: 4.2.0 greylisted"),
        ({"answers": ["554 5.7.1 looks like spam"]}, GiveUp, "mail_refused", "554: 5.7.1 looks like spam"),
        ({"answers": ["452 4.3.1 disk is full"]}, TryLater, "mail_refused", "452: 4.3.1 disk is full"),
        ({"sender": "553 5.7.1 not your address"}, TryLater, "mail_server", "GREENROOM_MAIL_FROM"),
    ],
)
async def test_a_refusal_says_what_the_server_said(
    made: Made, changes: dict[str, Any], error: type[RemoteError], kind: str, words: str
) -> None:
    """A mail that is refused for good is given up; a server that takes no mail at all is tried again, like a 4xx."""
    async with mail_server() as server:
        good = dict(vars(server))
        vars(server).update(changes)
        found = await refused(made(server.port))
        assert (type(found), found.kind) == (error, kind)
        assert words in found.reason
        vars(server).update({name: good[name] for name in ("recipient", "sender")}, answers=["250 OK"])
        assert await made(server.port).send(MAIL) == "OK"


async def test_a_wrong_password(made: Made) -> None:
    """The reason is in it, the password is not; the right one is taken."""
    async with mail_server(starttls=True, signs_in=True) as server:
        found = await refused(made(server.port, "starttls", password="wrong-password"))
        assert (type(found), found.kind) == (TryLater, "mail_server")
        assert "535" in found.reason
        assert "wrong-password" not in found.reason
        await made(server.port, "starttls", password=PASSWORD).send(MAIL)


async def test_a_server_without_starttls_gets_nothing(made: Made) -> None:
    """Neither a password nor a mail goes out in clear text."""
    async with mail_server() as server:
        found = await refused(made(server.port, "starttls", password=PASSWORD))
        assert (type(found), found.kind) == (TryLater, "mail_server")
        assert server.received == []


@pytest.mark.parametrize("tls", [True, False])
async def test_a_certificate_that_is_not_trusted(made: Made, tls: bool) -> None:
    """Of an unknown authority, or for another host."""
    security: Security = "tls" if tls else "starttls"
    async with mail_server(tls=tls, starttls=not tls) as server:
        found = await refused(made(server.port, security, trusts=False))
        assert (type(found), found.kind) == (TryLater, "tls")
        assert "is not trusted" in found.reason
    async with mail_server(tls=tls, starttls=not tls, host="other.example") as server:
        found = await refused(made(server.port, security))
        assert found.kind == "tls"
        assert "is not trusted" in found.reason
        assert server.received == []


async def test_a_server_that_hangs(made: Made) -> None:
    """The deadline ends the conversation; the next one is fine."""
    async with mail_server() as server:
        server.hangs = True
        found = await refused(made(server.port), deadline=0.2)
        assert (type(found), found.kind) == (TryLater, "timeout")
        assert "within 0.2 s" in found.reason
        server.hangs = False
        await made(server.port).send(MAIL)


async def test_a_server_that_is_away(made: Made) -> None:
    """No connection, and a connection that breaks, are tried again."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = await refused(made(port))
    assert (type(found), found.kind) == (TryLater, "connect")

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    found = await refused(made(listening.sockets[0].getsockname()[1]))
    assert (type(found), found.kind) == (TryLater, "reset")
    listening.close()


async def test_a_server_that_never_says_goodbye(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accepted mail is accepted: a QUIT without an answer does not send it again."""
    monkeypatch.setattr("greenroom.outbound.mail.QUIT_S", 0.05)

    async def hang(*_: object) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(MailServer, "handle_QUIT", hang, raising=False)
    async with mail_server() as server:
        assert await made(server.port).send(MAIL)
        assert len(server.received) == 1
