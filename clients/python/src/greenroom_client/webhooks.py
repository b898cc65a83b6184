"""
Verification of webhooks.

Source: Standard Webhooks 1.0.0 (`v1`: HMAC-SHA256, `v1a`: ed25519, both over `id.timestamp.body`).
"""

from __future__ import annotations

import binascii
import hmac
import json
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from greenroom_client._events import BODIES, KnownEvent

TOLERANCE_S = 300.0


class UnknownEvent(BaseModel):
    """An event that this version of the package does not know; its fields are in `model_extra`."""

    model_config = ConfigDict(extra="allow")

    event: str


#: the body of a webhook: tell them apart by `isinstance`
Event = KnownEvent | UnknownEvent


class VerificationError(Exception):
    """A request that must not be trusted: answer 401. `part` is the part of the request that is wrong."""

    def __init__(
        self, part: Literal["webhook-id", "webhook-timestamp", "webhook-signature", "body"], reason: str
    ) -> None:
        super().__init__(f"{part}: {reason}")
        self.part = part


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: str | Sequence[str],
    *,
    tolerance: float = TOLERANCE_S,
    now: float | None = None,
) -> Event:
    """
    Returns the event of a genuine request; `body` has the raw bytes, as received.

    `secrets` are the live ones, any of which may have signed: secrets (`whsec_…`) and public keys (`whpk_…`, which need
    the extra `ed25519`). `tolerance` is in seconds, `now` in Unix seconds. Deduplicate events by the header
    `webhook-id`: a genuine request that is sent again within the tolerance is genuine, too.

    Raises:
        VerificationError: the request has a wrong or missing part.
        ValueError: a secret is not one.
        ImportError: a public key is given and the extra is not installed.
    """
    checks = [_check(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not checks:
        raise ValueError("secrets: give at least one")
    given = {name.lower(): value for name, value in headers.items()}
    event_id, sent = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not event_id:
        raise VerificationError("webhook-id", "missing")
    if not (sent.isascii() and sent.isdecimal() and len(sent) <= 12):
        raise VerificationError("webhook-timestamp", "missing, or not a number of seconds")
    if abs((time.time() if now is None else now) - int(sent)) > tolerance:
        raise VerificationError("webhook-timestamp", f"more than {tolerance:g} seconds from this machine's time")
    signatures = given.get("webhook-signature", "").split()
    if not signatures:
        raise VerificationError("webhook-signature", "missing")
    signed = f"{event_id}.{sent}.".encode(errors="replace") + body  # some servers pass on bytes that are no text
    if not any(check(one, signed) for check in checks for one in signatures):
        raise VerificationError(
            "webhook-signature", "none of its signatures was made over this body with these secrets"
        )
    return _read(body)


def _check(secret: str) -> Callable[[str, bytes], bool]:
    """Returns the function that says whether a signature was made with a secret."""
    prefix = next((one for one in ("whsec_", "whpk_") if secret.startswith(one)), None)
    try:
        key = b64decode(secret[len(prefix or "") :], validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if prefix is None or not key or (prefix == "whpk_" and len(key) != 32):
        raise ValueError("secrets: expected whsec_ or whpk_ and base64, as POST /v1/webhooks answered")
    return _check_ed25519(key) if prefix == "whpk_" else _check_hmac(key)


def _check_hmac(key: bytes) -> Callable[[str, bytes], bool]:
    def is_genuine(signature: str, signed: bytes) -> bool:
        made = binascii.b2a_base64(hmac.digest(key, signed, "sha256"), newline=False)
        return hmac.compare_digest(b"v1," + made, signature.encode(errors="replace"))

    return is_genuine


def _check_ed25519(key: bytes) -> Callable[[str, bytes], bool]:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise ImportError("A public key needs: pip install 'greenroom-client[ed25519]'") from None
    public = Ed25519PublicKey.from_public_bytes(key)

    def is_genuine(signature: str, signed: bytes) -> bool:
        version, _, text = signature.partition(",")
        try:
            public.verify(b64decode(text, validate=True), signed)
        except (InvalidSignature, ValueError):
            return False
        return version == "v1a"

    return is_genuine


def _read(body: bytes) -> Event:
    try:
        content = json.loads(body)
        name = content["event"]
        return BODIES.get(name, UnknownEvent).model_validate(content)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise VerificationError("body", f"not an event of Greenroom ({type(error).__name__})") from error
