"""The server checks of the Greenhouse contract, by number: completion, and the vendor's side of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.house import RESULT, House, Linked, basic, webhook
from tests.journeys.test_nudges import let_pass


async def test_s43_one_patch_to_the_exact_url(northwind: Linked) -> None:
    order = await northwind.send_test(900417)
    await northwind.give_result(order)

    (patch,) = await northwind.house.greenhouse.receive(1)

    assert (patch.method, patch.path) == ("PATCH", "/integrations/testing_partners/take_home_tests/900417")
    assert patch.body == b""
    assert patch.headers["authorization"] == basic("partner", "correct horse")
    await northwind.becomes(order, delivery="sent")
    assert len(northwind.house.greenhouse.received) == 1


async def test_s43_the_account_key_reading(house: House) -> None:
    linked = await house.link("proctor", callback_auth="account_key", package_id="pkg_core_sql")
    order = await linked.send_test()
    await linked.give_result(order)

    (patch,) = await house.greenhouse.receive(1)

    assert patch.headers["authorization"] == basic(linked.token)


async def test_s44_test_status_from_inside_the_patch_is_complete(northwind: Linked) -> None:
    seen: list[dict[str, Any]] = []
    order = await northwind.send_test()

    async def look() -> None:
        seen.append(await northwind.status(order))

    northwind.house.greenhouse.inside = look
    await northwind.give_result(order)
    await northwind.becomes(order, delivery="acknowledged")
    async with asyncio.timeout(20):
        while not seen:  # the PATCH is answered before the look has ended
            await asyncio.sleep(0.01)

    assert [one["partner_status"] for one in seen] == ["complete"]


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_s45_any_success_is_the_end(northwind: Linked, status: int) -> None:
    northwind.house.greenhouse.will_answer(status)
    order = await northwind.send_test()
    await northwind.give_result(order)

    await northwind.becomes(order, delivery="sent")


@pytest.mark.parametrize("fault", [429, 500, 503, 0])
async def test_s45_a_passing_fault_is_tried_again(northwind: Linked, fault: int) -> None:
    northwind.house.greenhouse.will_answer(fault, 200)
    order = await northwind.send_test()
    await northwind.give_result(order)
    await northwind.house.greenhouse.receive(1)

    delivery = await _failed_once(northwind, order)

    assert delivery["state"] == "pending"
    assert delivery["due_at"]
    await northwind.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
    await northwind.becomes(order, delivery="sent")


async def _failed_once(linked: Linked, order: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            (delivery,) = (await linked.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]
            if delivery["attempts"] and not delivery["in_flight"]:
                return dict(delivery)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 422])
async def test_s45_a_refusal_ends_it_with_an_alert(northwind: Linked, status: int) -> None:
    northwind.house.greenhouse.will_answer((status, {"location": f"{northwind.house.vendor.url}/elsewhere"}, b""))
    order = await northwind.send_test()
    await northwind.give_result(order)

    seen = await northwind.becomes(order, delivery="refused")

    assert str(status) in seen["delivery_detail"]
    moments = (await northwind.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    assert "alert" in {moment["kind"] for moment in moments}
    assert northwind.house.vendor.received == []
    northwind.house.greenhouse.will_answer(200)  # the cause is fixed
    (delivery,) = (await northwind.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]
    await northwind.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
    await northwind.becomes(order, delivery="sent")


async def test_s46_a_different_second_result_is_refused(northwind: Linked) -> None:
    order = await northwind.send_test()
    assert (await northwind.give_result(order)).status_code == 200
    await northwind.becomes(order, delivery="sent")

    same = await northwind.give_result(order)
    other = await northwind.give_result(order, {**RESULT, "score": {"value": "90"}})

    assert same.status_code == 200
    assert other.status_code == 409
    assert "score.value" in other.json()["message"]
    assert (await northwind.status(order))["partner_score"] == 82.5
    assert len(northwind.house.greenhouse.received) == 1


async def test_s46_two_results_at_once_are_one(northwind: Linked) -> None:
    order = await northwind.send_test()
    results = [{**RESULT, "score": {"value": number}} for number in range(6)]

    answers = await asyncio.gather(*(northwind.give_result(order, result) for result in results))

    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    await northwind.becomes(order, delivery="sent")
    assert len(northwind.house.greenhouse.received) == 1


async def test_s47_without_a_url_the_poll_delivers(northwind: Linked) -> None:
    order = await northwind.send_test(url=None)
    again = await northwind.send_test(url=None)

    assert again == order  # one request, sent twice
    await northwind.give_result(order)
    assert (await northwind.status(order))["partner_status"] == "complete"
    assert (await northwind.order(order))["delivery"] == "acknowledged"


async def test_progress_is_reported_and_never_complete(northwind: Linked) -> None:
    order = await northwind.send_test()
    for value, status in (("initiated", "invited"), ("in_progress", "in_progress")):
        answer = await northwind.give_result(order, {"result": {"value": value}})
        assert answer.status_code == 200
        assert await northwind.status(order) == {"partner_status": status}
    assert northwind.house.greenhouse.received == []


@pytest.mark.parametrize(
    ("value", "status", "row"),
    [("expired", "expired", "Expired"), ("cancelled", "cancelled", "Cancelled"), ("failed", "completed", "Failed")],
)
async def test_an_end_without_success_reaches_the_recruiter(
    northwind: Linked, value: str, status: str, row: str
) -> None:
    order = await northwind.send_test()
    await northwind.give_result(order, {"result": {"value": value}, "result_url": RESULT["result_url"]})

    answered = await northwind.status(order)

    assert answered["partner_status"] == "complete"
    assert answered["metadata"] == {"Outcome": row}
    assert (await northwind.order(order))["status"] == status


async def test_the_webhook_carries_both_signatures(northwind: Linked) -> None:
    made = await webhook(northwind)
    order = await northwind.send_test()

    (received,) = await northwind.house.vendor.receive(1)

    Webhook(made["secret"]).verify(received.body, received.headers)
    expected = hmac.new(made["secret"].encode(), received.body, hashlib.sha256).digest()
    assert received.headers["x-stackone-signature"] == base64.urlsafe_b64encode(expected).decode().rstrip("=")
    body = received.json
    assert body["event"] == "ats_assessments.created"
    assert body["record_id"] == order
    assert body["account_id"] == northwind.account_id
    assert body["event_data"]["candidate"]["emails"] == [{"type": "personal", "value": "ada@example.test"}]
    assert body["event_data"]["package_id"] == "pkg_core_sql"
    assert "authorization" not in str(body).lower()


@pytest.mark.parametrize(
    "spelling", ["ats_background_checks.created", "background_check_order.created", "background_check.created"]
)
async def test_the_category_decides_the_event_in_the_spelling_subscribed(house: House, spelling: str) -> None:
    linked = await house.link("checks", partner_category="background_checks", package_id="pkg_core_sql")
    await webhook(linked, [spelling, "ats_assessments.created"])
    order = await linked.send_test()

    (received,) = await house.vendor.receive(1)

    assert received.json["event"] == spelling
    assert received.json["event_data"]["results_update_url"].endswith(f"/background_checks/orders/{order}/result")
    assert (await linked.give_result(order)).status_code == 404  # the other category's path
    assert (await linked.give_result(order, category="background_checks")).status_code == 200


async def test_retries_keep_the_event_id_and_the_bytes(northwind: Linked) -> None:
    await webhook(northwind)
    northwind.house.vendor.will_answer(500, 200)
    order = await northwind.send_test()
    await northwind.house.vendor.receive(1)
    async with asyncio.timeout(20):
        while True:
            (delivery,) = (await northwind.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
            if delivery["attempts"]:
                break
            await asyncio.sleep(0.02)
    await northwind.api("POST", f"/v1/deliveries/{delivery['id']}/retry")

    first, second = await northwind.house.vendor.receive(2)

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_410_disables_the_webhook_and_holds_later_deliveries(northwind: Linked) -> None:
    made = await webhook(northwind)
    northwind.house.vendor.will_answer(410)
    first = await northwind.send_test(1)
    async with asyncio.timeout(20):
        while (await northwind.api("GET", f"/v1/webhooks/{made['id']}")).json()["enabled"]:
            await asyncio.sleep(0.02)
    second = await northwind.send_test(2)

    (held,) = (await northwind.api("GET", f"/v1/deliveries?order_id={second}")).json()["data"]

    assert held["state"] == "held"
    moments = (await northwind.api("GET", f"/v1/orders/{first}/timeline")).json()["data"]
    (alert,) = [moment["message"] for moment in moments if moment["kind"] == "alert"]
    assert alert.startswith(f"The delivery to webhook {made['id']} failed")
    assert "410 Gone" in alert
    northwind.house.vendor.will_answer(200)
    await northwind.api("PATCH", f"/v1/webhooks/{made['id']}", json={"enabled": True})
    received = await northwind.house.vendor.receive(2)
    assert received[1].json["record_id"] == second


async def test_a_failed_delivery_of_a_disabled_webhook_is_held(northwind: Linked) -> None:
    """The failed delivery of an attempt in flight is held when its webhook is disabled, and sent once it is enabled."""
    made = await webhook(northwind)
    vendor, going = northwind.house.vendor, asyncio.Event()
    vendor.will_answer(500)
    vendor.inside = going.wait
    order = await northwind.send_test()
    await vendor.receive(1)
    await northwind.api("PATCH", f"/v1/webhooks/{made['id']}", json={"enabled": False})
    going.set()
    await _becomes(northwind, order, "pending", attempts=1)
    vendor.will_answer(200)
    await let_pass(northwind.house)

    held = await _becomes(northwind, order, "held", attempts=1)

    assert (held["attempts_made"], held["due_at"], len(vendor.received)) == (1, None, 1)
    await northwind.api("PATCH", f"/v1/webhooks/{made['id']}", json={"enabled": True})
    first, second = await vendor.receive(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    await _becomes(northwind, order, "delivered", attempts=2)


async def _becomes(linked: Linked, order: str, state: str, *, attempts: int) -> dict[str, Any]:
    """Waits until the order's webhook delivery has the state and no attempt is in flight; returns it."""
    async with asyncio.timeout(20):
        while True:
            (delivery,) = (await linked.api("GET", f"/v1/deliveries?order_id={order}&lane=vendor")).json()["data"]
            if (delivery["state"], delivery["in_flight"], len(delivery["attempts"])) == (state, False, attempts):
                return dict(delivery)
            await asyncio.sleep(0.02)


async def test_a_deleted_account_gets_no_more_pushes(northwind: Linked) -> None:
    """The pending delivery of its result is cancelled, and stays visible."""
    northwind.house.greenhouse.will_answer(500)
    order = await northwind.send_test()
    await northwind.give_result(order)
    await _failed_once(northwind, order)
    assert (await northwind.api("DELETE", f"/accounts/{northwind.account_id}")).status_code == 200

    (push,) = (await northwind.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]

    assert (push["state"], push["due_at"], len(push["attempts"])) == ("cancelled", None, 1)
    assert len(northwind.house.greenhouse.received) == 1
