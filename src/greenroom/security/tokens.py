"""Tokens, ids, and the user name of a Basic Authorization header."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import time
from datetime import datetime

#: characters that a key at Greenhouse must be shorter than
KEY_LIMIT = 171

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]


def new_api_key() -> str:
    """Returns a new API key of a project: `gk_` and 256 random bits."""
    return "gk_" + secrets.token_urlsafe(32)


def new_external_trigger_token() -> str:
    """
    Returns a new key for an ATS: `gr_` and 256 random bits, 46 characters.

    All characters are of `[A-Za-z0-9_-]`.
    """
    return "gr_" + secrets.token_urlsafe(32)


def new_webhook_secret() -> str:
    """Returns a new Standard Webhooks secret: `whsec_` and 256 random bits in base64."""
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


def new_id(prefix: str) -> str:
    """
    Returns a new URL-safe id that sorts by the time of its creation.

    The prefix, `_`, and 26 lower-case characters: 48 bits of milliseconds, 80 random bits.
    """
    return new_id_at(prefix, time.time_ns() // 1_000_000)


def new_id_at(prefix: str, ms: int) -> str:
    """Returns a new id as of a time in ms since 1970: ids of different times sort by them."""
    return _id(prefix, ms, int.from_bytes(os.urandom(10), "big"))


def first_id(prefix: str, at: datetime) -> str:
    """
    Returns the smallest id that `new_id` can make at an aware time.

    Every id that was made earlier sorts before it.
    """
    return _id(prefix, int(at.timestamp() * 1000), 0)


def _id(prefix: str, ms: int, chance: int) -> str:
    number = ms << 80 | chance
    characters = [_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)]
    return f"{prefix}_{''.join(characters)}"


def token_hash(token: str, pepper: bytes) -> str:
    """
    Returns the keyed SHA-256 of a token, which is stored in place of the token.

    A token has 256 random bits, so a slow hash would add nothing.
    """
    return hmac.new(pepper, token.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def basic_user(header: str | None) -> str | None:
    """
    Returns the user name of a Basic Authorization header; None for anything else.

    Accepts `base64(user:)`, `base64(user)` and a password, which is ignored; the scheme in any case, extra spaces,
    missing padding. The user name ends at the first colon and has fewer than 171 characters.
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
