"""Causes of webhooks that are not received. No I/O."""

from __future__ import annotations

from greenroom.doctor.catalogue import find
from greenroom.model.events import ORDER_CREATED, subscribed_name
from greenroom.model.findings import Finding, Subject
from greenroom.model.integrations import Integration
from greenroom.services.webhook_facts import WebhookArea


def judge(facts: WebhookArea) -> list[Finding]:
    """Returns the findings about the webhooks of a project."""
    return [finding for one in facts.integrations for finding in _nobody_listens(one, facts)]


def _nobody_listens(integration: Integration, facts: WebhookArea) -> list[Finding]:
    """Finds why no webhook receives the order event of an integration."""
    event = ORDER_CREATED[integration.partner_category]
    subject = Subject("integration", integration.provider, integration.provider)
    listening = [one for one in facts.webhooks if subscribed_name(event, one.events)]
    if any(one.enabled for one in listening):
        return []
    if listening:
        return [
            find("webhook.disabled", Subject("webhook", one.id, one.name), proof={"event": event, "url": one.url})
            for one in listening
        ]
    if not facts.webhooks:
        return [find("webhook.none", subject, proof={"event": event})]
    subscribed = sorted({name for one in facts.webhooks for name in one.events})
    return [find("webhook.wrong_event", subject, proof={"expected": event, "subscribed": subscribed[:20]})]
