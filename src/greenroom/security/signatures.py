"""
Webhook signatures, StackOne's and Standard Webhooks', from one secret.

The signatures cover exactly the bytes that are sent.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

PREFIX = "whsec_"
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
    newest first: every one of them signs in `webhook-signature`. `x-stackone-signature` holds a single value, so during
    a rotation the older secret makes it: a receiver that knows no other header verifies with the secret it has until
    the overlap ends, and reads both in `webhook-signature` once it has the new one.
    Source: Standard Webhooks 1.0.0 (HMAC-SHA256 over `id.timestamp.body`, key = the decoded secret); StackOne's webhook
    guide (unpadded base64url HMAC-SHA256 over the body, key = the secret's text).
    """
    signed = f"{event_id}.{sent_at}.".encode() + body
    standard = [
        "v1," + base64.b64encode(hmac.digest(_standard_key(secret), signed, "sha256")).decode() for secret in secrets
    ]
    headers = {"webhook-id": event_id, "webhook-timestamp": str(sent_at), "webhook-signature": " ".join(standard)}
    if secrets:
        text = hmac.digest(secrets[-1].encode(), body, "sha256")
        headers["x-stackone-signature"] = base64.urlsafe_b64encode(text).decode().rstrip("=")
    return headers


def is_genuine(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime) -> bool:
    """
    Returns whether the Standard Webhooks headers are valid and recent.

    They are valid when one of the secrets made them, within five minutes of `now`. `headers` have lower-case names. Any
    defect in them gives False.
    """
    event_id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) <= 12):
        return False
    if abs(now.timestamp() - int(sent)) > TOLERANCE_S:
        return False
    given = headers.get("webhook-signature", "").split()
    expected = webhook_headers(event_id=event_id, sent_at=int(sent), body=body, secrets=secrets)
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
