"""A real SMTP server on loopback, under the control of a test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cache
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "greenroom", "correct horse/battery@staple"


@dataclass
class MailServer:
    """
    A mail server: it sends the `answers` to DATA in turn and repeats the last one; `recipient` is its answer to RCPT.

    With `hangs` it never answers DATA.
    """

    port: int = 0
    received: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    #: whether each received mail came over TLS, and the user who had signed in
    secure: list[bool] = field(default_factory=list)
    users: list[str | None] = field(default_factory=list)
    answers: list[str] = field(default_factory=lambda: ["250 2.0.0 queued as 1"])
    recipient: str | None = None
    sender: str | None = None
    hangs: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    conversations: int = 0

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient:
            return self.recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.hangs:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer.startswith("2"):
            content = envelope.content
            assert isinstance(content, bytes)
            message = message_from_bytes(content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.received.append(message)
            self.envelopes.append((str(envelope.mail_from), list(envelope.rcpt_tos)))
            self.secure.append(session.ssl is not None or getattr(server, "over_tls", False))
            self.users.append(session.auth_data if session.authenticated else None)
        self.arrived.set()
        return answer

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Accepts the one user."""
        good = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == (USER, PASSWORD)
        return AuthResult(success=good, handled=False, auth_data=USER)

    async def receive(self, count: int) -> list[EmailMessage]:
        """Waits until this many mails have been accepted."""
        async with asyncio.timeout(20):
            while len(self.received) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.received


def body_of(message: EmailMessage, kind: str = "plain") -> str:
    """Returns a mail's text, or another of its bodies."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).strip()


@cache
def authority() -> trustme.CA:
    """Returns the certificate authority of the tests' mail servers."""
    return trustme.CA()


def trusting() -> ssl.SSLContext:
    """Returns the TLS settings of a client that trusts the authority."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


@asynccontextmanager
async def mail_server(
    *, tls: bool = False, starttls: bool = False, signs_in: bool = False, host: str = "localhost"
) -> AsyncIterator[MailServer]:
    """Runs a mail server with a certificate for `host` on a free loopback port."""
    one = MailServer()
    context: ssl.SSLContext | None = None
    if tls or starttls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority().issue_cert(host).configure_cert(context)

    def accept() -> SMTP:
        one.conversations += 1
        server = SMTP(
            one,
            hostname="mail.test",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            authenticator=one.authenticate if signs_in else None,
            auth_require_tls=signs_in and not tls,
            enable_SMTPUTF8=False,
        )
        server.over_tls = tls  # type: ignore[attr-defined]
        return server

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(accept, "127.0.0.1", 0, ssl=context if tls else None)
    one.port = listening.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        listening.close()
