"""HTTP Basic, both ways, and the masking of credentials in the traffic log."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable

_SECRET_FIELD = re.compile(
    r"""(?P<form>(?:^|&)(?:code|refresh_token|client_secret)=)[^&]+|(?P<json>"(?:access|refresh)_token":\s*")[^"]+"""
)
_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "set-cookie"}


def key_header(key: str) -> str:
    """The header of every call to a partner: the customer's key as user name, an empty password.

    Source: Greenhouse Assessment API, Authentication.
    """
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode("ascii")


def pair_header(user: str, password: str) -> str:
    """A user name and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def read(header: str | None) -> tuple[str, str] | None:
    """User name and password of a Basic header, split at the first colon; None when it is not one."""
    scheme, _, blob = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(blob.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, _, password = text.partition(":")
    return user, password


def same(left: str, right: str) -> bool:
    """Compares secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def is_secret(header: str) -> bool:
    """Whether a header carries credentials."""
    return header.lower() in _SECRET_HEADERS


def masked(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers for the log, values of credential headers hidden behind their scheme."""
    shown: dict[str, str] = {}
    for name, value in headers:
        scheme = value.partition(" ")[0] if " " in value else ""
        shown[name] = f"{scheme} ••••".strip() if is_secret(name) else value
    return shown


def masked_secrets(body: str) -> str:
    """A form or an answer of the token endpoint for the log, codes and tokens hidden."""
    return _SECRET_FIELD.sub(lambda found: f"{found['form'] or found['json']}••••", body)
