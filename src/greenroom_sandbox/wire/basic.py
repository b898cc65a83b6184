"""HTTP Basic authentication, and the masking of credentials in the traffic log."""

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
    """Returns the Authorization header of calls to a partner.

    The customer's key is the user name, the password is empty. Source: Greenhouse Assessment API, Authentication.
    """
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode("ascii")


def basic_header(user: str, password: str) -> str:
    """Returns the Authorization header of a user name and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def parse_header(header: str | None) -> tuple[str, str] | None:
    """Returns user name and password of a Basic header, None when it is not one.

    The first colon separates them.
    """
    scheme, _, blob = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(blob.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    user, _, password = text.partition(":")
    return user, password


def secrets_match(left: str, right: str) -> bool:
    """Compares two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


def is_secret(header: str) -> bool:
    """Whether a header carries credentials."""
    return header.lower() in _SECRET_HEADERS


def mask_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns headers for the log, with credentials masked except for their scheme."""
    shown: dict[str, str] = {}
    for name, value in headers:
        scheme = value.partition(" ")[0] if " " in value else ""
        shown[name] = f"{scheme} ••••".strip() if is_secret(name) else value
    return shown


def mask_secrets(body: str) -> str:
    """Returns a token request or answer for the log, with codes and tokens masked."""
    return _SECRET_FIELD.sub(lambda found: f"{found['form'] or found['json']}••••", body)
