"""How a recruiting webhook looks on the wire. Source: Greenhouse Web Hooks, Introduction."""

from __future__ import annotations

import hashlib
import hmac
import json

#: headers that Greenhouse sets itself
RESERVED = {"content-type", "content-length", "greenhouse-event-id", "authorization", "user-agent", "signature"}
#: minutes from each failed attempt to the next; after the last one it is over
WAITS = (1, 15, 60, 120, 240, 480)


def encoded(action: str, payload: object) -> str:
    """The body: ASCII alone, with ``<``, ``>`` and ``&`` escaped, too."""
    text = json.dumps({"action": action, "payload": payload})
    for mark in "<>&":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text


def signature(secret: str, body: str) -> str:
    """The header: the algorithm, a space, and the HMAC of the body exactly as it is sent."""
    return "sha256 " + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
