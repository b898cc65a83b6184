"""
Webhook signatures: StackOne's and Standard Webhooks' from one secret, and Standard Webhooks' from an ed25519 key.

The signatures cover exactly the bytes that are sent.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PREFIX = "whsec_"
PRIVATE, PUBLIC = "whsk_", "whpk_"
#: seconds that a signature's time may differ from the receiver's clock (Standard Webhooks 1.0.0)
TOLERANCE_S = 300


def signing(
    *, event_id: str, body: bytes, secrets: Sequence[str], now: Callable[[], datetime]
) -> Callable[[], dict[str, str]]:
    """
    Returns a function that makes `webhook_headers` with the time of its call.

    The outbound client calls it at the moment of sending.
    """
    return lambda: webhook_headers(event_id=event_id, sent_at=int(now().timestamp()), body=body, secrets=secrets)


def webhook_headers(*, event_id: str, sent_at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """
    Returns the signature headers of one attempt.

    `event_id` is the same for every attempt, `sent_at` (Unix seconds) is this attempt's. `secrets` are the live ones,
    newest first, HMAC secrets and private keys: every one of them signs in `webhook-signature`. `x-stackone-signature`
    holds a single value, so during a rotation the older HMAC secret makes it: a receiver that knows no other header
    verifies with the secret it has until the overlap ends, and reads both in `webhook-signature` once it has the new
    one.
    Source: Standard Webhooks 1.0.0 (`v1`: HMAC-SHA256 over `id.timestamp.body`, key = the decoded secret; `v1a`:
    ed25519 over the same bytes, private key = 32 bytes of seed and 32 of public key); StackOne's webhook guide
    (unpadded base64url HMAC-SHA256 over the body, key = the secret's text).
    """
    signed = f"{event_id}.{sent_at}.".encode() + body
    standard = [
        f"v1a,{_base64(_private_key(secret).sign(signed))}"
        if secret.startswith(PRIVATE)
        else f"v1,{_base64(hmac.digest(_standard_key(secret), signed, 'sha256'))}"
        for secret in secrets
    ]
    headers = {"webhook-id": event_id, "webhook-timestamp": str(sent_at), "webhook-signature": " ".join(standard)}
    shared = [secret for secret in secrets if not secret.startswith(PRIVATE)]
    if shared:
        text = hmac.digest(shared[-1].encode(), body, "sha256")
        headers["x-stackone-signature"] = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return headers


def is_genuine(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime) -> bool:
    """
    Returns whether the Standard Webhooks headers are valid and recent.

    They are valid when one of the secrets made them, within five minutes of `now`. A public key is a secret here, too:
    it verifies what its private key signed. `headers` have lower-case names. Any defect in them gives False.
    """
    event_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 12):
        return False
    if abs(now.timestamp() - int(sent)) > TOLERANCE_S:
        return False
    given = headers.get("webhook-signature", "").split()
    public = [secret for secret in secrets if secret.startswith(PUBLIC)]
    if any(_fits(one, f"{event_id}.{sent}.".encode() + body, key) for one in given for key in public):
        return True
    shared = [secret for secret in secrets if not secret.startswith(PUBLIC)]
    expected = webhook_headers(event_id=event_id, sent_at=int(sent), body=body, secrets=shared)
    return any(
        hmac.compare_digest(one.encode(), two.encode())
        for one in given
        for two in expected["webhook-signature"].split()
    )


def check_secret(secret: str) -> str | None:
    """
    Returns why a secret that a person chose cannot be used; None when it can.

    A usable secret is `whsec_` and 24 to 64 bytes in base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        return "expected whsec_ and 24 to 64 random bytes in base64"
    return None


@lru_cache(maxsize=1024)
def _standard_key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))


def new_private_key() -> str:
    """Returns a new ed25519 key: `whsk_` and its seed and public key in base64."""
    seed = Ed25519PrivateKey.generate()
    return PRIVATE + _base64(seed.private_bytes_raw() + seed.public_key().public_bytes_raw())


def public_key(private: str) -> str:
    """Returns the public key of a private one: `whpk_` and 32 bytes in base64."""
    return PUBLIC + _base64(_private_key(private).public_key().public_bytes_raw())


def check_public_key(text: str) -> str | None:
    """Returns why a public key cannot be used; None when it can."""
    try:
        key = base64.b64decode(text.removeprefix(PUBLIC), validate=True)
    except ValueError:
        key = b""
    return None if text.startswith(PUBLIC) and len(key) == 32 else "expected whpk_ and 32 bytes in base64"


def _fits(given: str, signed: bytes, public: str) -> bool:
    version, _, text = given.partition(",")
    try:
        signature = base64.b64decode(text, validate=True)
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix(PUBLIC))).verify(signature, signed)
    except (ValueError, InvalidSignature):
        return False
    return version == "v1a"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@lru_cache(maxsize=1024)
def _private_key(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text.removeprefix(PRIVATE))[:32])
