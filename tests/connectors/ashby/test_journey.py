"""An assessment in Ashby, from the recruiter's Start to the result, over real HTTP."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from tests.connectors.ashby.conftest import OK, RESULT, Ashby
from tests.house import basic
from tests.journeys.test_nudges import let_pass


def said(update: dict[str, Any]) -> str:
    """What an update tells Ashby in a word."""
    if "cancelled_reason" in update:
        return f"cancelled: {update['cancelled_reason']['value']}"
    if "assessment_result" in update:
        return f"result: {update['assessment_result']['value']}"
    return str(update["assessment_status"]["value"])


async def test_from_start_to_result(northwind: Ashby) -> None:
    """The vendor's webhook, the result by the unified API, one assessment.update."""
    assessment, order = await northwind.start()
    (hook,) = await northwind.house.vendor.receive(1)

    assert (await northwind.give_result(order)).status_code == 200

    (update,) = await northwind.updates(1)
    assert northwind.ashby is not None
    (call,) = northwind.ashby.received
    assert (call.method, call.path) == ("POST", "/assessment.update")
    assert call.headers["authorization"] == basic("ashby-key-1")
    assert call.headers["accept"] == "application/json; version=1"
    assert call.headers["user-agent"].startswith("Greenroom/")
    assert str(uuid.UUID(assessment)) == assessment == update["assessment_id"]
    assert (update["assessment_result"]["type"], update["assessment_result"]["value"]) == ("numeric_score", 82.5)
    assert update["assessment_profile_url"]["value"] == RESULT["result_url"]
    items = {one["identifier"]: one["value"] for one in update["metadata"]}
    assert items == {"outcome": True, "summary": "Strong on joins.", "duration": 46}
    seen = await northwind.becomes(order, delivery="acknowledged")
    assert (seen["status"], seen["outcome"]) == ("completed", "passed")
    event = hook.json["event_data"]
    assert hook.json["event"] == "ats_assessments.created"
    assert event["remote_id"] == hook.json["record_remote_id"] == assessment
    assert event["package_id"] == "pkg_core_sql"
    assert event["job"]["hiring_team"][0]["email"] == "rina@northwind.example"
    assert await northwind.house.engine_once() == 0


async def test_every_update_arrives_in_order_with_rising_times(northwind: Ashby) -> None:
    """Progress, the result, and a corrected result."""
    _, order = await northwind.start()
    for status in ("accepted", "invited", "in_progress"):
        assert (await northwind.report(order, status)).status_code == 200
    await northwind.give_result(order)
    await northwind.updates(4)
    await northwind.becomes(order, delivery="acknowledged")

    corrected = {**RESULT, "score": {"value": "90"}}
    assert (await northwind.give_result(order, corrected)).status_code == 200

    updates = await northwind.updates(5)
    assert [said(one) for one in updates] == ["Accepted", "Invited", "Started", "result: 82.5", "result: 90"]
    times = [one["timestamp"] for one in updates]
    assert times == sorted(set(times))
    await northwind.becomes(order, delivery="acknowledged")
    assert (await northwind.give_result(order, corrected)).status_code == 200  # a repeat changes nothing
    assert len(await northwind.settled(order)) == 5
    reached = (await northwind.api("GET", "/v1/funnel")).json()["total"]
    assert reached == {"ordered": 1, "notified": 1, "invited": 1, "started": 1, "done": 1, "acknowledged": 1}


async def test_no_started_follows_a_result(northwind: Ashby) -> None:
    """An update that failed is not repeated once there is a later one, nor by hand."""
    assert northwind.ashby is not None
    _, order = await northwind.start()
    northwind.ashby.will_answer(503, OK)
    await northwind.report(order, "in_progress")
    await northwind.updates(1)

    await northwind.give_result(order)

    assert [said(one) for one in await northwind.updates(2)] == ["Started", "result: 82.5"]
    first, second = await northwind.settled(order)
    assert (first["state"], second["state"]) == ("cancelled", "delivered")
    refused = await northwind.api("POST", f"/v1/deliveries/{first['id']}/retry")
    assert (refused.status_code, refused.json()["errorCode"]) == (409, "UpdateSuperseded")
    await let_pass(northwind.house)
    assert await northwind.house.engine_once() == 0


async def test_a_result_waits_for_the_update_in_flight(northwind: Ashby) -> None:
    """Ashby holds its answer to "Started" back, and then fails it: the result comes after, and alone."""
    assert northwind.ashby is not None
    _, order = await northwind.start()
    go = asyncio.Event()
    northwind.ashby.inside = go.wait
    northwind.ashby.will_answer(500, OK)
    await northwind.report(order, "in_progress")
    await northwind.updates(1)
    await northwind.give_result(order)
    held = (await northwind.api("GET", f"/v1/deliveries?order_id={order}&lane=ats")).json()["data"]
    assert sorted(one["state"] for one in held) == ["held", "pending"]

    go.set()

    assert [said(one) for one in await northwind.updates(2)] == ["Started", "result: 82.5"]
    assert [one["state"] for one in await northwind.settled(order)] == ["cancelled", "delivered"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            (200, {}, b'{"success":false,"errorInfo":{"code":"assessment_not_found","message":"No such assessment"}}'),
            "Ashby refused the update: No such assessment.",
        ),
        ((200, {}, b'{"success":false,"errors":["old_form"]}'), "Ashby refused the update: old_form."),
        (
            (403, {}, b'{"success":false,"errorInfo":{"code":"missing_endpoint_permission"}}'),
            "missing_endpoint_permission",
        ),
        ((401, {}, b""), "no valid API key"),
    ],
)
async def test_a_logical_error_is_a_failure(northwind: Ashby, answer: Any, reason: str) -> None:
    """HTTP 200 with `success: false` is refused with Ashby's own words; once it is mended, a retry delivers."""
    assert northwind.ashby is not None
    _, order = await northwind.start()
    northwind.ashby.will_answer(answer, OK)

    await northwind.give_result(order)

    seen = await northwind.becomes(order, delivery="refused")
    assert reason in seen["delivery_detail"]
    assert any(reason in alert for alert in await northwind.alerts(order))
    (delivery,) = await northwind.settled(order)
    assert (await northwind.api("POST", f"/v1/deliveries/{delivery['id']}/retry")).status_code == 200
    await northwind.becomes(order, delivery="acknowledged")


async def test_an_update_that_was_taken_before(northwind: Ashby) -> None:
    """When the answer to an update is lost, Ashby refuses its repetition as not newer: it has the result."""
    assert northwind.ashby is not None
    _, order = await northwind.start()
    northwind.ashby.will_answer((200, {}, b'{"success":false,"errorInfo":{"code":"timestamp_not_newer"}}'))
    await northwind.give_result(order)
    await northwind.becomes(order, delivery="acknowledged")


async def test_a_fault_that_passes_is_tried_again(northwind: Ashby) -> None:
    """429 and an answer that is not JSON."""
    assert northwind.ashby is not None
    _, order = await northwind.start()
    northwind.ashby.will_answer((429, {"retry-after": "7"}, b""), (200, {}, b"<html>"), OK)
    await northwind.give_result(order)
    for count in (1, 2):
        await northwind.updates(count)
        await northwind.becomes(order, delivery="pending")
        while not await northwind.house.engine_once():
            await let_pass(northwind.house)
            await asyncio.sleep(0.02)
            if len(northwind.ashby.received) > count:
                break
    await northwind.updates(3)
    await northwind.becomes(order, delivery="acknowledged")


async def test_a_cancel_reaches_the_vendor_and_ends_deliveries(northwind: Ashby) -> None:
    """An event with the status; later results and updates are refused; cancelling again changes nothing."""
    assert northwind.ashby is not None
    assessment, order = await northwind.start()
    northwind.ashby.will_answer(503)
    await northwind.report(order, "in_progress")
    await northwind.updates(1)

    answer = await northwind.ats("assessment.cancel", {"assessment_id": assessment})

    assert answer.json() == {"success": True, "results": {"assessment_id": assessment}}
    hooks = [one.json for one in await northwind.house.vendor.receive(2)]
    assert [one["event"] for one in hooks] == ["ats_assessments.created", "ats_assessments.updated"]
    assert hooks[1]["status"] == hooks[1]["event_data"]["status"] == "cancelled"
    assert hooks[1]["record_id"] == order
    assert [one["state"] for one in await northwind.settled(order)] == ["cancelled"]
    assert (await northwind.give_result(order)).status_code == 409
    assert (await northwind.report(order, "in_progress")).status_code == 409
    assert (await northwind.ats("assessment.cancel", {"assessment_id": assessment})).status_code == 200
    await let_pass(northwind.house)
    assert await northwind.house.engine_once() == 0
    again, _ = await northwind.start()  # an order that has ended does not block another one
    assert again != assessment


async def test_a_rejected_order_is_cancelled_with_its_reason(northwind: Ashby) -> None:
    """The vendor gives up later."""
    _, order = await northwind.start()
    await northwind.report(order, "rejected", message="No tests left this month.")

    (update,) = await northwind.updates(1)

    assert said(update) == "cancelled: No tests left this month."
    assert "assessment_status" not in update


async def test_an_expired_one_is_cancelled(northwind: Ashby) -> None:
    """It ends without a result."""
    _, order = await northwind.start()
    await northwind.give_result(order, {"result": {"value": "expired"}, "result_url": RESULT["result_url"]})

    (update,) = await northwind.updates(1)

    assert said(update) == "cancelled: Expired"
    assert "assessment_result" not in update


async def test_a_duplicate_is_refused_with_409(northwind: Ashby) -> None:
    """Also when both come at once; another package is another assessment."""
    body = await northwind.start_body()
    answers = await asyncio.gather(*(northwind.ats("assessment.start", body) for _ in range(4)))

    assert sorted(one.status_code for one in answers) == [200, 409, 409, 409]
    refused = next(one for one in answers if one.status_code == 409).json()
    assert refused["success"] is False
    assert "open order" in refused["errorInfo"]["message"]
    assert len(await northwind.orders()) == 1
    other = {**body, "assessment_type_id": await northwind.type_id("Listening")}
    assert (await northwind.ats("assessment.start", other)).status_code == 200


async def test_a_result_without_an_order(northwind: Ashby) -> None:
    """addCompletedToCandidate; the same once more within two minutes is the same."""
    assert northwind.ashby is not None
    candidate = "3c1c5a0e-3c56-4a4e-9c62-1d2f5a4a0001"
    body = {"candidate_remote_id": candidate, "package_id": "pkg_core_sql", "result": RESULT}
    path = f"/v1/accounts/{northwind.account_id}/results"
    first = await northwind.api("POST", path, json=body)
    again = await northwind.api("POST", path, json=body)

    (call,) = await northwind.ashby.receive(1)
    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 201, first.json()["id"])
    assert call.path == "/assessment.addCompletedToCandidate"
    assert (call.json["candidateId"], call.json["partnerId"]) == (candidate, "proctor")
    assessment = call.json["assessment"]
    assert assessment["assessmentTypeId"] == await northwind.type_id()
    assert assessment["assessmentName"] == "SQL essentials (45 min)"
    assert assessment["result"]["value"] == 82.5
    await northwind.becomes(first.json()["id"], delivery="acknowledged", source="result")
    unknown = await northwind.api("POST", path, json={**body, "package_id": "gone"})
    assert unknown.status_code == 422
    assert len(northwind.house.vendor.received) == 0
