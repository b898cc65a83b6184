"""Proof of calls that failed before an answer, for the package list and webhooks alike. No I/O."""

from __future__ import annotations

#: reasons of a failed TLS handshake by words of its message
_TLS_REASONS = {
    "expired": "expired",
    "mismatch": "name",
    "self": "chain",
    "issuer": "chain",
    "not yet": "not yet valid",
}


def get_tls_reason(said: str | None) -> str:
    """Returns why a TLS handshake failed, by the message of the outbound client."""
    words = (said or "").rpartition(": ")[2].lower()
    return next((reason for word, reason in _TLS_REASONS.items() if word in words), "handshake")
