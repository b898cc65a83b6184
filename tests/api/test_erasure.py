"""`DELETE /v1/orders/{id}/content`: the reads and refusals of an order whose content is erased."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.house import ADA, RESULT, Linked, webhook


async def erase(linked: Linked, order: str) -> dict[str, Any]:
    """Erases an order's content once no attempt is in flight, and returns the answer."""
    async with asyncio.timeout(20):
        while (answer := await linked.api("DELETE", f"/v1/orders/{order}/content")).status_code == 409:
            assert answer.json()["errorCode"] == "DeliveryInFlight"
            assert int(answer.headers["retry-after"]) > 0
            await asyncio.sleep(0.05)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture
async def linked(on_each_database: Linked) -> Linked:
    """A project whose webhook subscribes to orders."""
    await webhook(on_each_database)
    return on_each_database


@pytest.fixture
async def order(linked: Linked) -> str:
    """An erased order: its webhook was notified, and the ATS had read its result."""
    placed = await linked.send_test()
    await linked.house.vendor.receive(1)
    await linked.give_result(placed)
    await linked.house.greenhouse.receive(1)
    await linked.status(placed)
    await erase(linked, placed)
    return placed


async def test_what_is_left_of_an_order(linked: Linked, order: str) -> None:
    """Ids, outcome and times stay; erasing again gives the same answer and changes nothing."""
    found = await linked.order(order)
    again = await linked.api("DELETE", f"/v1/orders/{order}/content")

    assert (again.status_code, again.json()) == (200, found)
    assert set(found["candidate"].values()) == {None}
    gone = ("application_id", "candidate_id", "job_id", "requester_email", "callback_url", "result", "delivery_detail")
    assert [found[name] for name in gone] == [None] * len(gone)
    assert (found["status"], found["outcome"], found["delivery"]) == ("completed", "passed", "acknowledged")
    assert found["package"]["id"] == "pkg_core_sql"
    assert None not in (found["result_at"], found["acknowledged_at"], found["erased_at"])
    kinds = [one["kind"] for one in (await linked.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]]
    assert kinds.count("content_erased") == 1


async def test_every_read_still_answers(linked: Linked, order: str) -> None:
    """The reads of the management API and of the unified API still answer, without any content."""
    listed = (await linked.api("GET", "/v1/orders")).json()["data"]
    searched = (await linked.api("GET", f"/v1/orders?candidate_email={ADA['email']}")).json()["data"]
    entries = (await linked.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    deliveries = (await linked.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
    unified = (await linked.unified("GET", f"/assessments/orders/{order}")).json()["data"]
    unified_list = (await linked.unified("GET", "/assessments/orders")).json()["data"]
    result = await linked.unified("GET", f"/assessments/orders/{order}/results")

    assert ([one["id"] for one in listed], searched) == ([order], [])
    assert unified_list == [unified]
    assert unified["remote_id"] == "900417"
    assert unified["candidate"]["emails"] is None
    assert unified["candidate"]["first_name"] is unified["candidate_id"] is unified["requester"] is None
    assert result.status_code == 404
    assert "content was erased" in result.json()["message"]
    for delivery in deliveries:
        assert delivery["erased_at"]
        for attempt in delivery["attempts"]:
            assert (attempt["request"], attempt["response"], attempt["error"]) == ({}, {}, None)
            assert None not in (attempt["started_at"], attempt["status"], attempt["worker"])
    assert {one["kind"] for one in entries} >= {"received", "attempt", "result", "acknowledged"}
    assert "Ada" not in str([listed, entries, deliveries, unified])


async def test_writes_are_refused(linked: Linked, order: str) -> None:
    """A result, a progress report and a retry are refused with the time of the erasure."""
    (delivery,) = (await linked.api("GET", f"/v1/deliveries?order_id={order}&lane=vendor")).json()["data"]
    received = len(linked.house.vendor.received)
    preview = (await linked.api("POST", f"/v1/orders/{order}/result:preview", json=RESULT)).json()
    for refused in (
        await linked.give_result(order),
        await linked.give_result(order, {"result": {"value": "in_progress"}}),
        await linked.api("POST", f"/v1/orders/{order}/status", json={"status": "in_progress"}),
        await linked.api("POST", f"/v1/deliveries/{delivery['id']}/retry"),
    ):
        assert (refused.status_code, refused.json()["errorCode"]) == (409, "ContentErased")
        assert "content was erased at 20" in refused.json()["message"]

    assert (preview["accepted"], "content was erased" in preview["problem"]) == (False, True)
    assert await linked.house.engine_once() == 0
    assert len(linked.house.vendor.received) == received


async def test_greenhouse_is_told_that_it_is_gone(linked: Linked, order: str) -> None:
    """
    Greenhouse never reads `complete` without a report; the same send_test gives the same order; its errors are
    accepted.
    """
    complaint = {"api_call": "test_status", "errors": ["Ada is missing"], "partner_interview_id": order}

    assert await linked.status(order) == {"partner_status": "erased"}
    assert await linked.send_test() == order
    assert (await linked.call("response_error", json=complaint)).status_code == 200
    assert len((await linked.api("GET", "/v1/orders")).json()["data"]) == 1
    entries = (await linked.api("GET", f"/v1/orders/{order}/timeline")).json()["data"]
    assert entries[-1]["kind"] == "response_error"
    assert "Ada" not in str(entries)
    rows = await linked.house.app.state.ctx.store.read(lambda tx: tx.all("SELECT * FROM response_errors"))
    assert "Ada" not in str([dict(row) for row in rows])


async def test_a_pending_push_is_cancelled(linked: Linked) -> None:
    """A pending result push is cancelled."""
    linked.house.greenhouse.will_answer(503)
    order = await linked.send_test()
    await linked.give_result(order)
    await linked.house.greenhouse.receive(1)
    await erase(linked, order)
    found = (await linked.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]

    assert [one["state"] for one in found] == ["cancelled"]


async def test_a_vendors_order_with_the_same_id_is_refused(linked: Linked) -> None:
    """The same vendor id is refused, since the erased content cannot be compared."""
    asked = {"package": {"id": "pkg_core_sql"}, "candidate": {"emails": [{"value": "a@b.example"}]}, "id": "mine"}
    placed = (await linked.unified("POST", "/assessments/orders", json=asked)).json()["id"]
    await erase(linked, placed)
    again = await linked.unified("POST", "/assessments/orders", json=asked)

    assert (again.status_code, again.json()["errorCode"]) == (409, "ContentErased")


async def test_a_key_with_the_email_is_replaced(linked: Linked) -> None:
    """A deduplication key that contains the e-mail address is replaced."""
    order = await linked.send_test(url=None)
    assert await linked.send_test(url=None) == order
    await erase(linked, order)
    rows = await linked.house.app.state.ctx.store.read(lambda tx: tx.all("SELECT dedupe_key FROM orders"))

    assert [row["dedupe_key"] for row in rows] == [f"erased:{order}"]


async def test_a_stored_response_is_deleted(linked: Linked) -> None:
    """A response stored for an Idempotency-Key is deleted, so that the request is refused like any other."""
    order = await linked.send_test()
    said, headers = {"status": "accepted"}, {"idempotency-key": "k"}
    first = await linked.api("POST", f"/v1/orders/{order}/status", json=said, headers=headers)
    await erase(linked, order)
    again = await linked.api("POST", f"/v1/orders/{order}/status", json=said, headers=headers)

    assert first.json()["candidate"]["email"] == ADA["email"]
    assert (again.status_code, again.json()["errorCode"]) == (409, "ContentErased")


async def test_a_searched_address_is_not_in_the_request_log(linked: Linked) -> None:
    """The request log hides the searched address, in every spelling of the parameter."""
    for name in ("candidate_email", "candidate%5Femail"):
        asked = await linked.api("GET", f"/v1/orders?status=received&{name}=ada@example.test&page_size=1")
        seen = (await linked.api("GET", f"/requests/logs/{asked.headers['x-request-id']}")).json()["data"]
        assert seen["url"].endswith("/v1/orders?status=received&candidate_email=(hidden)&page_size=1")
