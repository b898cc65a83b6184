"""
Mails, sent through the operator's mail server by SMTP.

The mail server's address is the operator's configuration, like that of the outbound proxy: the egress guard, which
judges addresses that vendors and ATSs name, does not apply to it. The outbound proxy is not used. A total deadline
covers look-up, connection, TLS, sign-in and message.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

import aiosmtplib
from aiohappyeyeballs import start_connection

from greenroom.errors import GiveUp, RemoteError, TryLater
from greenroom.mail_settings import MailServer
from greenroom.model.mails import Mail
from greenroom.outbound.addresses import literal
from greenroom.outbound.names import Resolver

#: seconds for one mail; most servers answer within one, and a busy one may look the sender up first
DEADLINE_S = 30.0
#: seconds for the polite end of a conversation whose mail was accepted
QUIT_S = 1.0
#: seconds before the next address of a name is tried in parallel (RFC 8305)
NEXT_ADDRESS_S = 0.25
#: longest part of a server's answer that people are shown
LONGEST_ANSWER = 300
LONGEST_SUBJECT = 200
#: every server takes such a message; 8BITMIME is an extension
_POLICY = SMTP_POLICY.clone(cte_type="7bit")
#: the refusal behind each of these errors
_NO_SERVICE: dict[type[Exception], str] = {
    aiosmtplib.SMTPAuthenticationError: "refuses the user and the password",
    aiosmtplib.SMTPSenderRefused: "refuses the sender, GREENROOM_MAIL_FROM",
}


class Mailer:
    """
    Sends mails; created and used inside one event loop.

    `sender` is a name, which may be empty, and an address. `tls` replaces the system's certificate authorities (tests
    bring their own); verification is always on.
    """

    def __init__(self, server: MailServer, sender: tuple[str, str], *, tls: ssl.SSLContext | None = None) -> None:
        self.server = server
        self._name, self._address = sender
        self._domain = self._address.rpartition("@")[2]
        self._tls = tls or ssl.create_default_context()
        self._resolver = Resolver()

    def close(self) -> None:
        """Ends the name look-ups."""
        self._resolver.close()

    async def send(self, mail: Mail, *, deadline: float = DEADLINE_S) -> str:
        """
        Sends one mail, once; `deadline` in seconds covers all of it. Returns the server's answer.

        Raises:
            GiveUp: the server refuses this message, or this recipient, for good.
            TryLater: everything else: the server is not reached, not trusted, does not take the sign-in, or asks to
                try again.
        """
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            username=server.user,
            password=server.password,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            tls_context=self._tls,
            local_hostname=self._domain,
            timeout=None,  # the deadline is around the whole conversation
        )
        try:
            async with asyncio.timeout(deadline):
                await client.connect(sock=await self._connect())
                _, answer = await client.sendmail(self._address, [mail.to], self._message(mail).as_bytes())
            with suppress(OSError, aiosmtplib.SMTPException):  # the mail is accepted already
                async with asyncio.timeout(QUIT_S):
                    await client.quit()
        except (OSError, ValueError, aiosmtplib.SMTPException) as error:
            raise self._fault(error, deadline) from None  # the library's frames have the password
        finally:
            client.close()
        return self._shown(answer)

    async def _connect(self) -> socket.socket:
        host, port = self.server.host, self.server.port
        addresses = [host] if literal(host) else await self._resolver.addresses(host)
        found = [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port))
            for one in addresses
        ]
        return await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_S)

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage(policy=_POLICY)
        message["From"] = Address(self._name, addr_spec=self._address)
        message["To"] = Address(addr_spec=mail.to)
        message["Subject"] = one_line(mail.subject)[:LONGEST_SUBJECT]
        message["Date"] = format_datetime(datetime.now(UTC))
        message["Message-ID"] = self._id(mail.key)
        if about := [self._id(key) for key in mail.about if key != mail.key]:
            message["In-Reply-To"] = about[0]
            message["References"] = " ".join(about)
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"  # Exchange ignores Auto-Submitted
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        return message

    def _id(self, key: str) -> str:
        return f"<{key}@{self._domain}>"

    def _shown(self, answer: str) -> str:
        """Returns a server's answer for people: one line, bounded, without the password should the server repeat it."""
        if secret := self.server.password:
            for spelling in (secret, b64encode(secret.encode()).decode()):
                answer = answer.replace(spelling, "…")
        return one_line(answer)[:LONGEST_ANSWER]

    def _fault(self, error: Exception, deadline: float) -> RemoteError:
        """Returns the error for a failure of the conversation; its text has no credential."""
        host = self.server.host
        name = f"The mail server {host}:{self.server.port}"
        cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
        if isinstance(error, TimeoutError):
            return TryLater(f"{name} did not take the mail within {deadline:.3g} s.", kind="timeout")
        if isinstance(cause, ssl.SSLError):
            return TryLater(self._tls_problem(cause), kind="tls")
        if isinstance(cause, socket.gaierror):
            return TryLater(f"The name of the mail server, {host}, cannot be looked up.", kind="dns")
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            return self._judge(error.recipients[0], "does not take mail for this address")
        if isinstance(error, aiosmtplib.SMTPDataError):
            return self._judge(error, "does not take this mail")
        if isinstance(error, aiosmtplib.SMTPResponseException):
            # a person must act, and then mails can be sent
            return TryLater(self._answered(error, _NO_SERVICE.get(type(error), "refuses mails")), kind="mail_server")
        if isinstance(error, ConnectionError) and isinstance(error, aiosmtplib.SMTPException):
            return TryLater(f"{name} broke the connection.", kind="reset")
        if isinstance(error, aiosmtplib.SMTPException):
            return TryLater(f"{name} cannot be used: {self._shown(error.message)}", kind="mail_server")
        why = (
            os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "none of its addresses answers"
        )
        return TryLater(f"No connection to the mail server {host}:{self.server.port}: {why}.", kind="connect")

    def _tls_problem(self, error: ssl.SSLError) -> str:
        said = str(getattr(error, "verify_message", "")).rstrip(".")
        if said:
            return f"The certificate of the mail server {self.server.host} is not trusted: {said}."
        return f"The TLS handshake with the mail server {self.server.host}:{self.server.port} failed."

    def _judge(self, error: aiosmtplib.SMTPResponseException, what: str) -> RemoteError:
        """Returns the verdict on an answer about this message: 4xx may be another one later, 5xx stays."""
        reason = self._answered(error, what)
        return GiveUp(reason, kind="mail_refused") if error.code >= 500 else TryLater(reason, kind="mail_refused")

    def _answered(self, error: aiosmtplib.SMTPResponseException, what: str) -> str:
        said = self._shown(error.message)
        return f"The mail server {self.server.host} {what}. It answered {error.code}{f': {said}' if said else ''}."


def one_line(text: str) -> str:
    """Returns a text without line breaks and control characters, which could end a header."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
