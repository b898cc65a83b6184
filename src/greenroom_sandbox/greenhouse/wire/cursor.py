"""The Harvest API's cursors: signed, opaque, and valid for an hour.

A cursor has the list, the customer, the position and the filters.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime, timedelta

LIFETIME = timedelta(hours=1)


def encode(
    collection: str, organization_id: int, before: int, filters: dict[str, str], seed: int, now: datetime
) -> str:
    """Returns a cursor for the rows with an id below ``before``."""
    place = [collection, organization_id, before, filters, (now + LIFETIME).timestamp()]
    raw = json.dumps(place).encode()
    return base64.urlsafe_b64encode(_signature(raw, seed) + raw).decode().rstrip("=")


def decode(
    text: str, collection: str, organization_id: int, seed: int, now: datetime
) -> tuple[int, dict[str, str]] | None:
    """Returns a cursor's position and filters, None when it is invalid.

    It is invalid for another list or customer, altered, or expired.
    """
    try:
        blob = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    signature, raw = blob[:16], blob[16:]
    if not hmac.compare_digest(signature, _signature(raw, seed)):
        return None
    made_for, customer, before, filters, until = json.loads(raw)
    fits = (made_for, customer) == (collection, organization_id) and now.timestamp() < until
    return (before, filters) if fits else None


def _signature(raw: bytes, seed: int) -> bytes:
    return hmac.new(f"cursors of seed {seed}".encode(), raw, hashlib.sha256).digest()[:16]
