"""Causes of webhooks that are not received."""

from __future__ import annotations

from greenroom.model.events import ORDER_CREATED
from tests.doctor.scenarios import Patient

EVENT = ORDER_CREATED["assessments"]


async def test_no_webhook(patient: Patient) -> None:
    """Without a webhook orders reach nobody; adding one ends the finding."""
    await patient.is_healthy()
    hook = f"/v1/webhooks/{patient.hook['id']}"
    assert (await patient.linked.api("DELETE", hook)).status_code in (200, 204)
    await patient.has("webhook.none", event=EVENT)
    body = {"name": "orders", "url": patient.hook["url"], "events": [EVENT]}
    assert (await patient.linked.api("POST", "/v1/webhooks", json=body)).status_code in (200, 201)
    await patient.is_healthy()


async def test_a_disabled_webhook(patient: Patient) -> None:
    """A disabled webhook is named; enabling it ends the finding."""
    await patient.is_healthy()
    hook = f"/v1/webhooks/{patient.hook['id']}"
    assert (await patient.linked.api("PATCH", hook, json={"enabled": False})).status_code == 200
    found = await patient.has("webhook.disabled", event=EVENT)
    assert found["subject"] == {"type": "webhook", "id": patient.hook["id"], "name": "orders"}
    assert found["proof"]["disabled_by"].startswith("API key ")
    assert found["since"] == found["proof"]["disabled_at"]
    assert (await patient.linked.api("PATCH", hook, json={"enabled": True})).status_code == 200
    await patient.is_healthy()


async def test_a_webhook_for_other_events(patient: Patient) -> None:
    """The expected event and the subscribed ones are in the proof."""
    await patient.is_healthy()
    hook = f"/v1/webhooks/{patient.hook['id']}"
    assert (await patient.linked.api("PATCH", hook, json={"events": ["account.created"]})).status_code == 200
    found = await patient.has("webhook.wrong_event", expected=EVENT, subscribed=["account.created"])
    assert found["subject"] == {"type": "integration", "id": "greenhouse", "name": "Greenhouse"}
    assert (await patient.linked.api("PATCH", hook, json={"events": [EVENT]})).status_code == 200
    await patient.is_healthy()
