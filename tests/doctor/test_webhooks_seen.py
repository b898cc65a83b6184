"""Causes of webhooks that are not received, as real endpoints show them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from greenroom.engine import vendor
from greenroom.engine.worker import Engine
from greenroom.model.breakers import OPENS_AT
from greenroom.model.events import ORDER_CREATED
from greenroom.outbound import Outbound
from greenroom.outbound.names import Resolver
from tests.doctor.scenarios import Patient
from tests.house import House
from tests.support.dns import name_server

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
    await patient.has("webhook.redirect", status=302, target="https://elsewhere.example/hooks")
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


async def test_a_host_without_an_address(house: House, patient: Patient) -> None:
    """The URL is in the proof; correcting it ends the finding."""
    await house.app.state.engine.stop()
    async with name_server() as dns:
        networks = house.settings.allow_private_networks
        out = Outbound(allow_http=True, allowed_networks=networks, resolver=Resolver([dns.server]))
        engine = Engine(house.app.state.ctx, out)
        running = asyncio.create_task(engine.run())
        wrong = f"http://hooks.proctor.test:{house.vendor.url.rpartition(':')[2]}/hooks"
        await change(patient, url=wrong)
        await failing(patient)
        await patient.has("webhook.dns", url=wrong, waiting=1)
        await change(patient, url=patient.hook["url"])
        await due(house)
        await becomes_healthy(patient)
        await engine.stop()
        await running
        await out.aclose()


async def test_an_endpoint_without_an_answer(house: House, patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that it had is in the proof."""
    ended = asyncio.Event()
    house.vendor.inside = ended.wait
    with monkeypatch.context() as patched:
        patched.setattr(vendor, "DEADLINE_S", 0.1)
        await failing(patient)
    found = await patient.has("webhook.timeout", waiting=1)
    assert "within 0.1 s" in found["proof"]["error"]
    ended.set()
    await recovers(patient)


async def test_an_endpoint_that_fails_repeatedly(house: House, patient: Patient) -> None:
    """The next attempt is in a finding beside the failure's; a probe that succeeds ends both."""
    house.vendor.will_answer(500)
    for number in range(OPENS_AT):
        await patient.linked.send_test(number + 2, partner_test_id="pkg_static")
    async with asyncio.timeout(20):
        while (await open_breaker(patient)) is None:
            await asyncio.sleep(0.02)
    found = await patient.findings()
    assert [(one["code"], one["severity"]) for one in found] == [
        ("webhook.server_error", "error"),
        ("webhook.breaker_open", "warning"),
    ]
    assert found[1]["proof"]["waiting"] == OPENS_AT
    house.vendor.will_answer(200)
    store = house.app.state.ctx.store
    await store.write(lambda tx: tx.run("UPDATE breakers SET open_until = 1 WHERE open_until > 0"))
    await due(house)
    await becomes_healthy(patient)


async def test_deliveries_that_wait_for_a_rate_limit(house: House, patient: Patient) -> None:
    """The limit and how many wait are in the proof; lifting the limit ends the finding."""
    async with asyncio.timeout(20):
        while (await patient.linked.api("GET", "/v1/deliveries")).json()["data"][0]["state"] != "delivered":
            await asyncio.sleep(0.02)
    await change(patient, rate_limit=0.01)
    for number in (2, 3):
        await patient.linked.send_test(number, partner_test_id="pkg_static")
    await patient.is_healthy()  # they wait, but not for long
    await due(house, ms=120_000)
    found = await patient.has("webhook.backlog", waiting=2, rate_limit=0.01)
    assert (found["severity"], found["proof"]["overdue_s"] >= 120) == ("warning", True)
    await change(patient, rate_limit=None)
    await becomes_healthy(patient)


async def open_breaker(patient: Patient) -> str | None:
    """Returns the time of the next attempt at the webhook."""
    found = [one for one in await patient.findings() if one["code"] == "webhook.breaker_open"]
    return found[0]["proof"]["next_attempt_at"] if found else None


async def due(house: House, ms: int = 3_600_000) -> None:
    """Makes waiting deliveries due for so long."""
    store = house.app.state.ctx.store
    await store.write(
        lambda tx: tx.run("UPDATE deliveries SET due_at = due_at - $1 WHERE state = 'pending' AND lease IS NULL", ms)
    )


async def becomes_healthy(patient: Patient) -> None:
    """Attempts due deliveries until nothing is found."""
    async with asyncio.timeout(20):
        while await patient.findings():
            await patient.linked.house.engine_once()
            await asyncio.sleep(0.02)


async def replayed(patient: Patient) -> None:
    """Replays dead-lettered deliveries, and waits until nothing is found."""
    replay = {"since": "2020-01-01T00:00:00Z", "status": "dead"}
    await patient.linked.api("POST", f"/v1/webhooks/{patient.hook['id']}/replay", json=replay)
    async with asyncio.timeout(20):
        while await patient.findings():
            await asyncio.sleep(0.02)


async def change(patient: Patient, **changes: Any) -> None:
    answer = await patient.linked.api("PATCH", f"/v1/webhooks/{patient.hook['id']}", json=changes)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("answer", "code", "proof"),
    [
        ((401, {}, b"bad signature"), "webhook.signature_suspected", {"status": 401, "answer": "bad signature"}),
        ((500, {}, b""), "webhook.server_error", {"status": 500}),
        ((308, {"Location": "/hooks/?key=secret"}, b""), "webhook.redirect", {"status": 308, "target": "/hooks/"}),
        ((0, {}, b""), "webhook.reset", {"host": "127.0.0.1"}),
    ],
)
async def test_a_test_event_that_is_refused(
    house: House, patient: Patient, answer: tuple[int, dict[str, str], bytes], code: str, proof: dict[str, Any]
) -> None:
    """The test event is the first thing that people try; its refusal is a finding, and opens no breaker."""
    house.vendor.will_answer(answer)
    for _ in range(2):
        sent = await patient.linked.api("POST", f"/v1/webhooks/{patient.hook['id']}/test")
        assert sent.json()["ok"] is False
    found = await patient.has(code, **proof)
    assert (found["count"], found["subject"]["id"]) == (2, patient.hook["id"])
    shown = await patient.linked.api("GET", f"/v1/webhooks/{patient.hook['id']}")
    assert shown.json()["health"]["state"] == "closed"
    house.vendor.will_answer(200)
    await recovers(patient)


async def test_an_order_ends_the_failure_of_a_test_event(house: House, patient: Patient) -> None:
    """A delivery that arrives shows that the endpoint works, also for one that was never refused a delivery."""
    house.vendor.will_answer(403)
    await patient.linked.api("POST", f"/v1/webhooks/{patient.hook['id']}/test")
    await patient.has("webhook.signature_suspected")
    house.vendor.will_answer(200)
    await patient.linked.send_test(2, partner_test_id="pkg_static")
    await becomes_healthy(patient)


async def test_an_order_that_waits_for_a_webhook(house: House, patient: Patient) -> None:
    """What stops an order is found for this order, and not for one that was delivered."""
    delivered = await patient.linked.send_test(3, partner_test_id="pkg_static")
    async with asyncio.timeout(20):
        while await house.app.state.ctx.store.read(
            lambda tx: tx.all("SELECT 1 FROM deliveries WHERE order_id = $1 AND state = 'pending'", delivered)
        ):
            await asyncio.sleep(0.02)
    house.vendor.will_answer(500)
    waiting = await patient.linked.send_test(4, partner_test_id="pkg_static")
    async with asyncio.timeout(20):
        while not await patient.findings(order_id=waiting):
            await asyncio.sleep(0.02)
    assert [one["code"] for one in await patient.findings(order_id=waiting)] == ["webhook.server_error"]
    assert await patient.findings(order_id=delivered) == []
    house.vendor.will_answer(200)
    await change(patient, events=["account.created"])
    held = await patient.linked.send_test(5, partner_test_id="pkg_static")
    assert [one["code"] for one in await patient.findings(order_id=held)] == ["webhook.wrong_event"]
    await change(patient, events=[EVENT])
    await recovers(patient)
