"""
PostgreSQL URLs, read as libpq reads them, for the store and for the migrations.

Error messages name the wrong part and never repeat a value that could be the password.
"""

from __future__ import annotations

import difflib
import os
import re
from typing import Any
from urllib.parse import unquote, urlencode

SCHEMES = ("postgresql", "postgres")
EXPECTED = "expected postgresql://user:password@host/database (SQLite is what you get without it)"
ENCODE = "In the user, the password and parameters, write %40 for @, %3A for : and %2F for /."
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSION_ATTRIBUTES = ("any", "primary", "standby", "prefer-standby", "read-write", "read-only")
#: names under which the parts before the `?` can also be given as parameters
PLACE = ("host", "port", "user", "password", "dbname")
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
TLS = ("sslmode", *FILES, "sslpassword", "sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version")
#: parameters that are sent to the server at the start of a session
SERVER = ("application_name", "options")
KNOWN = (*PLACE, *TLS, *SERVER, "passfile", "target_session_attrs")
DEFAULT_PORT = 5432


def connect_options(url: str) -> dict[str, Any]:
    """
    Returns the arguments of `asyncpg.connect` and `asyncpg.create_pool` for a URL.

    Parameters after the `?` win over the parts before it. asyncpg takes parts that are missing in the URL from libpq's
    environment variables and defaults.

    Raises:
        ValueError: the URL cannot be read, or has an unknown parameter or value; names which.
    """
    given = _split(url)
    for name in given:
        if name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(KNOWN)}."
            raise ValueError(f"{name!r} is not a parameter of a database URL that Greenroom knows. {hint}")
    _check_values(given)
    tls = {name: given[name] for name in TLS if name in given}
    found: dict[str, Any] = {
        "dsn": f"postgresql://?{urlencode(tls)}" if tls else None,
        **_addresses(given.get("host", ""), given.get("port", "")),
        "user": given.get("user"),
        "password": given.get("password"),
        "database": given.get("dbname"),
        "passfile": given.get("passfile"),
        "target_session_attrs": given.get("target_session_attrs"),
        "server_settings": {name: given[name] for name in SERVER if name in given},
    }
    return {name: value for name, value in found.items() if value}


def _split(url: str) -> dict[str, str]:
    """Returns the parts of a URL under libpq's names, without empty ones."""
    scheme, found, rest = url.partition("://")
    if not found or scheme not in SCHEMES:
        raise ValueError(EXPECTED)
    given: dict[str, str] = {}
    login, at, behind = rest.partition("@")
    if at and "/" not in login:
        user, _, password = login.partition(":")
        given |= {"user": _decoded("user", user), "password": _decoded("password", password)}
        rest = behind
    if "@" in rest:  # the rest may be part of a password, so the message must not repeat it
        raise ValueError(ENCODE)
    place, _, query = rest.partition("?")
    hosts, _, database = place.partition("/")
    given |= _split_hosts(hosts)
    given["dbname"] = _decoded("dbname", database)
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError("Behind the ? stand parameters, name=value, with & between them.")
        if (name, value) == ("ssl", "true"):  # the form of JDBC, which libpq accepts, too
            name, value = "sslmode", "require"
        given[_decoded("parameter", name)] = _decoded(name, value)
    return {name: value for name, value in given.items() if value}


def _split_hosts(text: str) -> dict[str, str]:
    """
    Returns the hosts and the ports of `host:port,[v6]:port`.

    Each of the two is joined by commas, as libpq's parameters are.
    """
    hosts, ports = [], []
    for one in text.split(","):
        found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^:\[\]]*))(?::(\d*))?", one)
        if found is None:
            raise ValueError(f"A host cannot be read: write host:port, or [address]:port for IPv6. {ENCODE}")
        hosts.append(_decoded("host", found[1] or found[2] or ""))
        ports.append(found[3] or "")
    return {"host": ",".join(hosts), "port": ",".join(ports) if any(ports) else ""}


def _addresses(host: str, port: str) -> dict[str, Any]:
    hosts, ports = host.split(","), port.split(",")
    if len(hosts) > 1 and not all(hosts):
        raise ValueError("A host in the list of hosts is empty.")
    if len(ports) not in (1, len(hosts)):
        raise ValueError(f"There are {len(hosts)} hosts and {len(ports)} ports: give one port, or one for each host.")
    if not all(re.fullmatch(r"\d{1,5}|", one) and int(one or 1) in range(1, 65536) for one in ports):
        raise ValueError(f"A port is not a number from 1 to 65535. {ENCODE}")
    numbers = [int(one or DEFAULT_PORT) for one in ports] * (len(hosts) if len(ports) == 1 else 1)
    return {"host": hosts if host else None, "port": (numbers if host else numbers[0]) if port else None}


def _check_values(given: dict[str, str]) -> None:
    for name, allowed in (("sslmode", SSL_MODES), ("target_session_attrs", SESSION_ATTRIBUTES)):
        if name in given and given[name] not in allowed:
            raise ValueError(f"{name} is one of {', '.join(allowed)}.")
    for name in FILES:
        if name in given and not os.access(given[name], os.R_OK):
            raise ValueError(f"{name}: cannot read the file {given[name]}")


def _decoded(name: str, text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError(f"The {name} has a % that is not followed by two hexadecimal digits: write %25 for a %.")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise ValueError(f"The {name} is not text in UTF-8 without a zero byte.")
    return decoded
