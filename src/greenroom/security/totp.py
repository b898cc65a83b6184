"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, as every authenticator app has them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from urllib.parse import quote, urlencode

STEP_S = 30
DIGITS = 6
#: steps that a clock may be early or late
DRIFT = 1


def new_secret() -> str:
    """Returns a new secret: 160 random bits in base32."""
    return base64.b32encode(os.urandom(20)).decode()


def provisioning_uri(secret: str, *, email: str, issuer: str = "Greenroom") -> str:
    """Returns the `otpauth://` URI that an authenticator app reads from a QR code."""
    query = urlencode({"secret": secret, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{issuer}:{email}')}?{query}"


def code_at(secret: str, step: int) -> str:
    """Returns the code of a time step (RFC 4226, section 5.3)."""
    digest = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: str, code: str, *, at_s: float) -> int | None:
    """Returns the time step that a code belongs to, or None when it belongs to none that may be used now."""
    now = int(at_s) // STEP_S
    given = code.replace(" ", "").encode(errors="replace")
    matching = [
        step
        for step in range(now - DRIFT, now + DRIFT + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), given)
    ]
    return matching[-1] if matching else None
