"""
The operator's mail server and e-mail addresses, as settings name them.

Error messages name the wrong part and never repeat a value that could be the password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

#: tls: from the first byte; starttls: required before anything is sent; none: in clear text
Security = Literal["tls", "starttls", "none"]

PORTS = {"smtp": 587, "smtps": 465}
EXPECTED = (
    "expected smtp://user:password@host:587 or smtps://user:password@host:465. In the user and the password, write "
    "%40 for @, %3A for :, %2F for /, %3F for ?, %23 for # and %25 for %"
)
LONGEST_ADDRESS = 254
LONGEST_LOCAL_PART = 64
#: the addresses that browsers accept in a form: ASCII alone, no quotes, no comments
_ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.?")


@dataclass(frozen=True)
class MailServer:
    """A mail server; `user` and `password` are None when it asks for none."""

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def read_mail_server(url: str) -> MailServer:
    """
    Returns the mail server of a URL.

    `smtp` requires STARTTLS, unless the host is this machine or `?starttls=off` says otherwise.

    Raises:
        ValueError: the URL cannot be read.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # its message may have a part of the password
        raise ValueError(EXPECTED) from None
    if parts.scheme not in PORTS or not _is_host(host) or port == 0 or parts.path.strip("/") or parts.fragment:
        raise ValueError(EXPECTED)
    if bool(parts.username) != bool(parts.password):
        raise ValueError(f"the user and the password belong together: {EXPECTED}")
    return MailServer(
        host,
        port or PORTS[parts.scheme],
        _read_security(parts.scheme, host, parts.query),
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _is_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None or _address(host) is not None


def _address(host: str) -> object | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Returns whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read_security(scheme: str, host: str, query: str) -> Security:
    given = parse_qsl(query, keep_blank_values=True)
    if scheme == "smtps":
        if query:
            raise ValueError("smtps has no parameters: it is encrypted from the first byte")
        return "tls"
    if not query:
        return "none" if is_loopback(host) else "starttls"
    if given == [("starttls", "off")]:
        return "none"
    if given == [("starttls", "required")]:
        return "starttls"
    raise ValueError("the only parameter is starttls, which is off or required")


def check_address(text: str) -> str:
    """
    Returns an e-mail address in lower case.

    Raises:
        ValueError: it is none.
    """
    found = text.strip().lower()
    local = found.partition("@")[0]
    if len(found) > LONGEST_ADDRESS or len(local) > LONGEST_LOCAL_PART or not _ADDRESS.fullmatch(found):
        raise ValueError("expected an e-mail address such as ada@example.com")
    return found


def read_sender(text: str) -> tuple[str, str]:
    """
    Returns the name, which may be empty, and the address of `Greenroom <greenroom@example.com>`.

    Raises:
        ValueError: the text has no address, or a name that no header can carry.
    """
    name, bracket, rest = text.strip().rpartition("<")
    if bracket and not rest.endswith(">"):
        raise ValueError("expected an address such as greenroom@example.com, or Greenroom <greenroom@example.com>")
    address = check_address(rest.removesuffix(">") if bracket else rest)
    name = name.strip().strip('"')
    if not name.isprintable() or len(name) > LONGEST_ADDRESS:
        raise ValueError("the name before the address is too long, or has control characters")
    return name, address
