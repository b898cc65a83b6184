"""Checks of a vendor's webhook endpoint."""

from __future__ import annotations

from greenroom.check.model import Suite
from greenroom.check.webhook import payloads, signatures, transport
from greenroom.check.webhook.subject import WebhookSubject

WEBHOOK: Suite[WebhookSubject] = Suite(
    "webhook", [*transport.SUITE.checks, *signatures.SUITE.checks, *payloads.SUITE.checks]
)
