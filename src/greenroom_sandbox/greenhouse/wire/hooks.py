"""The body and signature of recruiting webhooks.

Source: Greenhouse Web Hooks, Introduction.
"""

from __future__ import annotations

import hashlib
import hmac
import json

#: headers that Greenhouse sets itself
RESERVED = {"content-type", "content-length", "greenhouse-event-id", "authorization", "user-agent", "signature"}
#: minutes from each failed attempt to the next; then the delivery has failed
WAITS = (1, 15, 60, 120, 240, 480)


def encode(action: str, payload: object) -> str:
    """Returns the body: ASCII, with ``<``, ``>`` and ``&`` escaped, too."""
    text = json.dumps({"action": action, "payload": payload})
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def signature(secret: str, body: str) -> str:
    """Returns the signature header: ``sha256``, a space, and the HMAC of the body."""
    return "sha256 " + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
