"""Assessments: a recruiter's start, the partner's updates, the result, and a cancellation."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.sandbox.ashby.conftest import FIELDS, TOKEN, TYPE, ZOE, Ashby, Partner, running_ashby, scored, started, value
from tests.sandbox.conftest import Greenhouse, simulator

NOW = 1_795_514_400_000


async def test_a_complete_assessment(ashby: Ashby) -> None:
    """List, start, live status, result with full report; every request has its own shape and key."""
    opened = await ashby.call("POST", f"/ashby/applications/{ZOE}/assessments/open", {"partner_id": ashby.partner_id})
    assert opened["assessment_types"] == [{"assessment_type_id": TYPE, "name": "SQL essentials", "description": None}]
    one = await ashby.order()
    assert (one["state"], one["assessment_type_name"], one["sent_at"]) == (
        "sent",
        "SQL essentials",
        "2026-11-24T10:00:00Z",
    )
    (body,) = ashby.partner.get_bodies("assessment.start")
    assert body == {
        "assessment_type_id": TYPE,
        "candidate": {
            "ashby_id": "a5b10004-0000-4000-8000-000000000002",
            "first_name": "Zoë",
            "last_name": "Nguyễn-O'Neill",
            "email": "zoe.n@example.test",
            "ashby_profile_url": f"{ashby.url}/ashby/candidates/a5b10004-0000-4000-8000-000000000002",
        },
        "application": {"ashby_id": ZOE, "status": "Active"},
        "job": {
            "ashby_id": "a5b10003-0000-4000-8000-000000000001",
            "name": "Platform Engineer",
            "ashby_job_url": f"{ashby.url}/ashby/jobs/a5b10003-0000-4000-8000-000000000001",
            "req_id": "ENG-7",
            "hiringTeam": [
                {
                    "email": "hal.hiring@juniper.example",
                    "firstName": "Hal",
                    "lastName": "Hiring",
                    "role": "Hiring Manager",
                    "userId": "a5b10002-0000-4000-8000-000000000002",
                },
                {
                    "email": "rosa.recruiter@juniper.example",
                    "firstName": "Rosa",
                    "lastName": "Recruiter",
                    "role": "Recruiter",
                    "userId": "a5b10002-0000-4000-8000-000000000001",
                },
            ],
        },
    }
    expected = "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode()
    assert {headers["authorization"] for _, headers, _ in ashby.partner.requests} == {expected}

    assert (await ashby.update(one, started(NOW)))["success"] is True
    live = await ashby.assessment(one)
    assert (live["state"], live["status_text"], live["started_at"]) == ("started", "Started", "2026-11-24T10:00:00Z")

    assert (await ashby.update(one, scored(NOW + 1)))["success"] is True
    done = await ashby.call("GET", f"/ashby/assessments/{one['id']}?state=completed&wait=5")
    assert (done["state"], done["result"]["value"], done["update_count"]) == ("completed", 82.5, 2)
    assert done["full_report_url"] == "https://results.proctor-tests.com/r/1"
    assert [item["value"] for item in done["metadata"]] == [45, True]
    assert [(one["call"], one["verdict"], one["remarks"]) for one in await ashby.log("ats=ashby")] == [
        ("assessment.list", "ok", []),
        ("assessment.start", "ok", []),
        ("assessment.update", "ok", []),
        ("assessment.update", "ok", []),
    ]


async def test_a_result_may_come_again_with_a_newer_timestamp(ashby: Ashby) -> None:
    """A repeated result replaces the former one; a timestamp that is not newer is refused with status 200."""
    one = await ashby.order()
    await ashby.update(one, scored(NOW, 50))
    for timestamp in (NOW, NOW - 1):
        answer = await ashby.update(one, scored(timestamp, 99))
        assert (answer["success"], answer["errorInfo"]["code"]) == (False, "timestamp_not_newer")
        assert answer["errors"] == [answer["errorInfo"]["message"]]
        assert answer["errorInfo"]["requestId"]
    assert (await ashby.assessment(one))["result"]["value"] == 50
    assert (await ashby.update(one, scored(NOW + 1, 60)))["success"]
    assert (await ashby.assessment(one))["result"]["value"] == 60


async def test_a_late_started_does_not_undo_a_result(ashby: Ashby) -> None:
    """The assessment stays completed, and the traffic log remarks on the update."""
    one = await ashby.order()
    await ashby.update(one, scored(NOW))
    await ashby.update(one, started(NOW + 1))
    assert (await ashby.assessment(one))["state"] == "completed"
    assert "after the result" in (await ashby.log("call=assessment.update"))[-1]["remarks"][0]


async def test_the_partner_cancels(ashby: Ashby) -> None:
    """A cancelled_reason needs no status and ends the assessment for good."""
    one = await ashby.order()
    reason = {"timestamp": NOW, "cancelled_reason": value("reason", "string", "The candidate declined.")}
    assert (await ashby.update(one, reason))["success"]
    ended = await ashby.assessment(one)
    assert (ended["state"], ended["cancelled_reason"]["value"]) == ("cancelled", "The candidate declined.")
    assert (await ashby.update(one, scored(NOW + 1)))["errorInfo"]["code"] == "assessment_cancelled"
    await ashby.call("POST", f"/ashby/assessments/{one['id']}/cancel", {}, status=409)


async def test_the_recruiter_cancels(ashby: Ashby) -> None:
    """The partner is called with its own id; an update after that is refused."""
    one = await ashby.order()
    answer = await ashby.call("POST", f"/ashby/assessments/{one['id']}/cancel", {})
    assert (answer["ok"], answer["assessment"]["state"]) == (True, "cancelled")
    assert answer["assessment"]["cancelled_by_recruiter"] is True
    assert ashby.partner.get_bodies("assessment.cancel") == [{"assessment_id": one["partner_assessment_id"]}]
    assert (await ashby.update(one, scored(NOW)))["errorInfo"]["code"] == "assessment_cancelled"


async def test_a_cancellation_that_the_partner_refuses(ashby: Ashby) -> None:
    """The partner's message is shown, the assessment goes on, and the next cancellation works."""
    one = await ashby.order()
    error = {"success": False, "errors": ["x"], "errorInfo": {"code": "too_late", "message": "It is being graded."}}
    ashby.partner.replies["assessment.cancel"] = error
    answer = await ashby.call("POST", f"/ashby/assessments/{one['id']}/cancel", {})
    assert (answer["ok"], answer["message"], answer["assessment"]["state"]) == (False, "It is being graded.", "sent")
    del ashby.partner.replies["assessment.cancel"]
    assert (await ashby.call("POST", f"/ashby/assessments/{one['id']}/cancel", {}))["ok"]


@pytest.mark.parametrize(
    ("reply", "state", "message"),
    [
        ((409, {"success": False}), "refused", "This candidate is already being assessed."),
        ((422, {"message": "Only candidates in the EU."}), "refused", "Only candidates in the EU."),
        ((422, {}), "failed", "Ashby could not complete the request with Codely. Please try again."),
        ((500, {}), "failed", "Ashby could not complete the request with Codely. Please try again."),
        ({"success": False, "errorInfo": {"code": "x", "message": "No credits left."}}, "refused", "No credits left."),
        ({"success": True, "results": {"assessment_id": "7"}}, "failed", "Ashby could not complete the request with Codely. Please try again."),
    ],
)  # fmt: skip
async def test_a_start_that_does_not_work(ashby: Ashby, reply: Any, state: str, message: str) -> None:
    """The recruiter sees the partner's text or a general one; the next start works."""
    ashby.partner.replies["assessment.start"] = reply
    answer = await ashby.start()
    assert (answer["ok"], answer["assessment"]["state"], answer["message"]) == (False, state, message)
    del ashby.partner.replies["assessment.start"]
    assert (await ashby.start())["ok"]


async def test_a_first_update_in_the_reply_to_start(ashby: Ashby) -> None:
    """update_request has the shape of an update, and is checked like one."""
    ids = {"assessment_id": "0b0a7e3f-52f8-4a8a-9f3f-6a6d4f6d1c11"}
    ashby.partner.replies["assessment.start"] = {
        "success": True,
        "results": {**ids, "update_request": {**ids, **started(NOW)}},
    }
    one = await ashby.order()
    assert (one["state"], one["timestamp"]) == ("started", NOW)
    ashby.partner.replies["assessment.start"] = {"success": True, "results": {**ids, "update_request": {**ids}}}
    assert (await ashby.start())["ok"] is False
    assert "assessment.start.update_request" in (await ashby.log("call=assessment.start"))[-1]["rules"]


async def test_custom_fields(ashby: Ashby) -> None:
    """The fields are read with *Sync Custom Fields*; their values go along with the start."""
    synced = await ashby.call("POST", f"{ashby.integration}/sync-custom-fields", {})
    assert [one["id"] for one in synced["fields"]] == [one["id"] for one in FIELDS]
    wrong = {"partner_id": ashby.partner_id, "assessment_type_id": TYPE, "additional_fields": {"language": "tlh"}}
    await ashby.call("POST", f"/ashby/applications/{ZOE}/assessments", wrong, status=422)
    assert (await ashby.start(additional_fields={"language": "en"}))["ok"]
    assert ashby.partner.get_bodies("assessment.start")[-1]["additional_fields"] == {"language": "en"}
    await ashby.call("PATCH", f"/ashby/partners/{ashby.partner_id}", {"custom_fields": "customField.list"})
    assert (await ashby.call("POST", f"{ashby.integration}/sync-custom-fields", {}))["ok"]
    assert len(ashby.partner.get_bodies("customField.list")) == 1
    await ashby.call("PATCH", f"/ashby/partners/{ashby.partner_id}", {"custom_fields": None})
    await ashby.call("POST", f"{ashby.integration}/sync-custom-fields", {}, status=409)


async def test_a_result_without_an_order(ashby: Ashby) -> None:
    """The result is on the candidate; the same id again needs a newer timestamp; others' ids are refused."""
    body: dict[str, Any] = {
        "candidateId": "a5b10004-0000-4000-8000-000000000001",
        "partnerId": ashby.partner_id,
        "timestamp": NOW,
        "assessment": {
            "assessmentTypeId": TYPE,
            "assessmentId": "outside-1",
            "assessmentName": "SQL essentials",
            "result": value("score", "numeric_score", 70),
            "metadata": [],
        },
    }
    call = "assessment.addCompletedToCandidate"
    assert (await ashby.send(call, body)).json()["success"] is True
    (one,) = (await ashby.call("GET", f"/ashby/assessments?candidate_id={body['candidateId']}"))["data"]
    assert (one["state"], one["application_id"], one["result"]["value"]) == ("completed", None, 70)
    assert (await ashby.send(call, body)).json()["errorInfo"]["code"] == "timestamp_not_newer"
    wrong = body | {"partnerId": "somebody-else"}
    assert (await ashby.send(call, wrong)).json()["errorInfo"]["code"] == "partner_not_found"
    wrong = body | {"candidateId": "a5b10004-0000-4000-8000-000000000005"}  # of another customer
    assert (await ashby.send(call, wrong)).json()["errorInfo"]["code"] == "candidate_not_found"
    assert (await ashby.send(call, body | {"timestamp": NOW + 1})).json()["success"] is True
    assert len((await ashby.call("GET", "/ashby/assessments"))["data"]) == 1


async def test_both_ats_run_beside_each_other(ashby: Ashby, greenhouse: Greenhouse) -> None:
    """A reset plants both; Greenhouse's ids and calls are independent of Ashby's."""
    assert (await ashby.call("GET", "/ashby/partners"))["data"] == []
    assert len((await ashby.call("GET", "/ashby/candidates"))["data"]) == 5
    await greenhouse.connect()
    take_home = await greenhouse.sent()
    await ashby.connect()
    one = await ashby.order()
    assert await greenhouse.complete(take_home) == 200
    assert (await ashby.update(one, scored(NOW)))["success"]
    assert {exchange["ats"] for exchange in await ashby.log("")} == {"greenhouse", "ashby"}


async def test_the_state_survives_a_restart(tmp_path: Path) -> None:
    """With --data a result arrives after a restart; data from before Ashby gets Ashby's seed."""
    async with simulator("--data", str(tmp_path)) as address, running_ashby(address) as one:
        await one.connect()
        order = await one.order()
        key = one.api_key
    async with simulator("--data", str(tmp_path)) as address, httpx2.AsyncClient(base_url=address) as client:
        again = Ashby(client, address, Partner(), api_key=key)
        assert (await again.update(order, scored(NOW)))["success"] is True
        assert (await again.assessment(order))["state"] == "completed"
    with closing(sqlite3.connect(tmp_path / "sandbox.sqlite3")) as database, database:
        database.execute("DELETE FROM records WHERE kind LIKE 'Ashby %'")
    async with simulator("--data", str(tmp_path)) as address, httpx2.AsyncClient(base_url=address) as client:
        assert len((await Ashby(client, address, Partner()).call("GET", "/ashby/candidates"))["data"]) == 5
