"""Tokens, ids, and how an Authorization header names its user."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from datetime import datetime

#: Greenhouse takes keys of fewer characters than this
KEY_LIMIT = 171

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_api_key() -> str:
    """A project's API key: `gk_` and 256 random bits."""
    return "gk_" + secrets.token_urlsafe(32)


def new_external_trigger_token() -> str:
    """The key an ATS calls with: `gr_` and 256 random bits, `[A-Za-z0-9_-]`, 46 characters."""
    return "gr_" + secrets.token_urlsafe(32)


def new_webhook_secret() -> str:
    """A Standard Webhooks secret: `whsec_` and 256 random bits in base64."""
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def new_id(prefix: str) -> str:
    """A URL-safe id that sorts by time of making: `ord_` and 26 lower-case characters (48 bits of ms, 80 random)."""
    return _id(prefix, time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def first_id(prefix: str, at: datetime) -> str:
    """The smallest id that `new_id` can make at an aware time: what was made before sorts before it."""
    return _id(prefix, int(at.timestamp() * 1000), 0)


def _id(prefix: str, ms: int, chance: int) -> str:
    number = ms << 80 | chance
    characters = [_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(characters)}"


def token_hash(token: str, pepper: bytes) -> str:
    """What is stored of a token: a keyed SHA-256. A token has 256 random bits, so a slow hash would add nothing."""
    return hmac.new(pepper, token.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def basic_user(header: str | None) -> str | None:
    """
    The user name of a Basic Authorization header; None for anything else.

    Takes `base64(user:)`, `base64(user)` and a password, which is ignored; the scheme in any case, extra spaces,
    missing padding. The user ends at the first colon and has fewer than 171 characters.
    Source: Greenhouse Assessment API, authentication; StackOne's guides show both encodings.
    """
    scheme, _, encoded = (header or "").strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    encoded = encoded.strip()
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user = decoded.partition(":")[0]
    return user if 0 < len(user) < KEY_LIMIT else None
