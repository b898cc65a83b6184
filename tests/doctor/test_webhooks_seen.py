"""Causes of webhooks that are not received, as real endpoints show them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenroom.model.events import ORDER_CREATED
from tests.doctor.scenarios import Patient
from tests.house import House

EVENT = ORDER_CREATED["assessments"]


async def failing(patient: Patient, number: int = 2) -> None:
    """Sends a test and waits until its delivery has failed once."""
    await patient.linked.send_test(number, partner_test_id="pkg_static")
    async with asyncio.timeout(20):
        while not await patient.findings():
            await asyncio.sleep(0.02)


async def recovers(patient: Patient) -> None:
    """Sends a test event, which arrives, and waits until nothing is found."""
    answer = await patient.linked.api("POST", f"/v1/webhooks/{patient.hook['id']}/test")
    assert answer.status_code == 200, answer.text
    await patient.is_healthy()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "webhook.signature_suspected"),
        (403, "webhook.signature_suspected"),
        (404, "webhook.client_error"),
        (429, "webhook.rate_limited"),
        (500, "webhook.server_error"),
    ],
)
async def test_an_endpoint_that_refuses(house: House, patient: Patient, status: int, code: str) -> None:
    """The status and the first line of the answer are in the proof; a delivery that arrives ends the finding."""
    await patient.is_healthy()
    house.vendor.will_answer((status, {}, b"no way\nnot a line more"))
    await failing(patient)
    found = await patient.has(code, status=status, answer="no way", waiting=1)
    assert found["subject"]["id"] == patient.hook["id"]
    assert found["count"] == 1
    house.vendor.will_answer(200)
    await recovers(patient)


async def test_an_endpoint_that_redirects(house: House, patient: Patient) -> None:
    """The redirect's target is in the proof."""
    house.vendor.will_answer((302, {"Location": "https://elsewhere.example/hooks"}, b""))
    await failing(patient)
    found = await patient.has("webhook.redirect", status=302)
    assert "https://elsewhere.example/hooks" in found["proof"]["error"]
    house.vendor.will_answer(200)
    await recovers(patient)


async def test_an_endpoint_that_breaks_the_connection(house: House, patient: Patient) -> None:
    """A connection that is closed before the answer has a cause of its own."""
    house.vendor.will_answer((0, {}, b""))
    await failing(patient)
    await patient.has("webhook.reset")
    house.vendor.will_answer(200)
    await recovers(patient)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/hooks", "webhook.refused"),
        ("https://127.0.0.1:{port}/hooks", "webhook.tls"),
        ("http://10.255.255.1/hooks", "webhook.forbidden_address"),
    ],
)
async def test_an_endpoint_out_of_reach(house: House, patient: Patient, url: str, code: str) -> None:
    """The URL is in the proof; correcting it ends the finding."""
    wrong = url.format(port=house.vendor.url.rpartition(":")[2])
    await change(patient, url=wrong)
    await failing(patient)
    await patient.has(code, url=wrong)
    await change(patient, url=patient.hook["url"])
    if code == "webhook.forbidden_address":  # such a delivery is given up at once
        await patient.has("webhook.dead_letters", count=1)
        await replayed(patient)
    await patient.is_healthy()


async def test_an_endpoint_that_asks_never_to_be_called_again(house: House, patient: Patient) -> None:
    """410 switches the webhook off; enabling it ends the finding."""
    house.vendor.will_answer(410)
    await failing(patient)
    await patient.has("webhook.gone", status=410)
    house.vendor.will_answer(200)
    await change(patient, enabled=True)
    await replayed(patient)


async def test_webhooks_of_other_accounts(patient: Patient) -> None:
    """An account that every webhook leaves out is the subject."""
    other = {"provider": "greenhouse", "origin_owner_id": "other", "origin_owner_name": "Southwind"}
    answer = await patient.linked.api("POST", "/v1/accounts", json=other)
    await patient.linked.call("list_tests", token=answer.json()["external_trigger_token"])
    await patient.is_healthy()
    await change(patient, account_ids=[patient.linked.account_id])
    found = await patient.has("webhook.other_accounts", event=EVENT)
    assert found["subject"] == {"type": "account", "id": answer.json()["id"], "name": "Southwind"}
    await change(patient, account_ids=[])
    await patient.is_healthy()


async def replayed(patient: Patient) -> None:
    """Replays what was given up, and waits until nothing is found."""
    replay = {"since": "2020-01-01T00:00:00Z", "status": "dead"}
    await patient.linked.api("POST", f"/v1/webhooks/{patient.hook['id']}/replay", json=replay)
    async with asyncio.timeout(20):
        while await patient.findings():
            await asyncio.sleep(0.02)


async def change(patient: Patient, **changes: Any) -> None:
    answer = await patient.linked.api("PATCH", f"/v1/webhooks/{patient.hook['id']}", json=changes)
    assert answer.status_code == 200, answer.text
