"""Signed links to résumés, valid for a week.

Source: Greenhouse Assessment API, Send Test, ``resume_url``.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

LIFETIME = timedelta(days=7)


def resume_url(base: str, candidate_id: int, since: datetime, seed: int) -> str:
    """Returns a link that is valid for a week from ``since``."""
    expires = int((since + LIFETIME).timestamp())
    return f"{base}/resumes/{candidate_id}.pdf?expires={expires}&signature={_signature(candidate_id, expires, seed)}"


def explain_refusal(candidate_id: int, expires: str, signature: str, now: datetime, seed: int) -> str | None:
    """Returns why a link is not valid, or None when it is."""
    if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
        return "the link has no expiry"
    if not hmac.compare_digest(signature.encode(), _signature(candidate_id, int(expires), seed).encode()):
        return "the link's signature does not fit"
    return "the link has expired" if now.timestamp() >= int(expires) else None


def _signature(candidate_id: int, expires: int, seed: int) -> str:
    return hmac.new(
        f"resumes of seed {seed}".encode(), f"{candidate_id}/{expires}".encode(), hashlib.sha256
    ).hexdigest()
