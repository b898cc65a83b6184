"""Ashby's API for partners: authentication, error shape, checks of updates, faults."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.sandbox.ashby.conftest import TYPE, Ashby, scored, started, value

NOW = 1_795_514_400_000


async def test_keys_and_permissions(ashby: Ashby) -> None:
    """401 without a key, 403 for a wrong or disabled one and without permission; the good key then works."""
    one = await ashby.order()
    body = {"assessment_id": one["partner_assessment_id"], **started(NOW)}
    other = await ashby.call("POST", f"{ashby.integration}/api-keys", {"permissions": ["candidatesRead"]})
    off = await ashby.call("POST", f"{ashby.integration}/api-keys", {})
    await ashby.call("PATCH", f"/ashby/api-keys/{off['id']}", {"enabled": False})
    seen = []
    for key in ("", "wrong", off["key"], other["key"]):
        answer = await ashby.send("assessment.update", body, key)
        seen.append((answer.status_code, answer.json()["errorInfo"]["code"]))
    missing = (403, "missing_endpoint_permission")
    assert seen == [(401, "unauthorized"), (403, "forbidden"), (403, "forbidden"), missing]
    assert (await ashby.send("assessment.update", body)).json()["success"] is True
    assert ashby.api_key not in str(await ashby.log("ats=ashby"))


async def test_a_key_of_another_customer_does_not_know_the_assessment(ashby: Ashby) -> None:
    """Assessments are those of the key's customer alone."""
    one = await ashby.order()
    other = f"/ashby/organizations/a5b10001-0000-4000-8000-000000000002/partners/{ashby.partner_id}"
    key = (await ashby.call("POST", f"{other}/api-keys", {}))["key"]
    answer = await ashby.send("assessment.update", {"assessment_id": one["partner_assessment_id"], **started(NOW)}, key)
    assert answer.json()["errorInfo"]["code"] == "assessment_not_found"


async def test_the_rate_limit(ashby: Ashby) -> None:
    """429 has Retry-After; after the window the same request works."""
    one = await ashby.order()
    await ashby.call("PATCH", "/settings", {"ashby_rate_limit": 1})
    await ashby.update(one, started(NOW))
    body = {"assessment_id": one["partner_assessment_id"], **scored(NOW + 1)}
    limited = await ashby.send("assessment.update", body)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "60")
    await ashby.call("POST", "/clock/advance", {"seconds": 60})
    assert (await ashby.send("assessment.update", body)).json()["success"] is True


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"assessment_status": None}, "assessment_status is required unless"),
        ({"assessment_profile_url": None}, "assessment_profile_url is required with"),
        ({"timestamp": None}, "timestamp is required"),
        ({"timestamp": "2026-01-01"}, "timestamp must be a whole number of milliseconds"),
        ({"timestamp": 2**63}, "int64"),
        ({"cancelled_reason": value("why", "string", "x")}, "exclude each other"),
        ({"assessment_profile_url": value("report", "string", "x")}, "type must be url"),
        ({"assessment_profile_url": value("report", "url", "/r/1")}, "absolute http"),
        ({"assessment_result": value("score", "numeric_score", "82")}, "must be a number for numeric_score"),
        ({"assessment_result": value("score", "boolean_success", 1)}, "must be a boolean for boolean_success"),
        ({"assessment_result": value("score", "percent", 1)}, "type must be one of"),
        ({"assessment_result": {"type": "string", "value": "x"}}, "identifier is required"),
        ({"metadata": [value("score", "string", "x")]}, "'score' is not unique"),
        ({"metadata": {}}, "metadata must be an array"),
        ({"assessment_id": 7}, "assessment_id must be a string"),
        ({"assessment_id": "unknown"}, "there is no assessment"),
    ],
)
async def test_an_update_that_is_refused(ashby: Ashby, change: dict[str, Any], problem: str) -> None:
    """Status 200 with success false and the problem; nothing changes, and a good update works."""
    one = await ashby.order()
    answer = await ashby.update(one, {**scored(NOW), **change})
    assert answer["success"] is False
    assert problem in answer["errorInfo"]["message"]
    assert (await ashby.assessment(one))["update_count"] == 0
    assert (await ashby.update(one, scored(NOW)))["success"] is True


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"[" * 5000])
async def test_a_body_that_is_no_object(ashby: Ashby, body: bytes) -> None:
    """Broken JSON has Ashby's error shape, too."""
    answer = await ashby.send("assessment.update", body)
    assert (answer.status_code, answer.json()["errorInfo"]["code"]) == (200, "invalid_input")


@pytest.mark.parametrize("call", ["assessment.update", "assessment.addCompletedToCandidate"])
async def test_answers_with_faults(ashby: Ashby, call: str) -> None:
    """5xx, 429 and a logical error have no effect; afterwards the same update works."""
    one = await ashby.order()
    body: dict[str, Any] = {"assessment_id": one["partner_assessment_id"], **scored(NOW)}
    if call != "assessment.update":
        inner = {"assessmentTypeId": TYPE, "assessmentId": "a", "assessmentName": "n", "metadata": []}
        inner["result"] = value("score", "numeric_score", 1)
        candidate = "a5b10004-0000-4000-8000-000000000001"
        body = {"candidateId": candidate, "partnerId": ashby.partner_id, "timestamp": NOW, "assessment": inner}
    await ashby.inject("status", target=call, status=429, retry_after=7)
    limited = await ashby.send(call, body)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    await ashby.inject("logical_error", target=call, code="candidate_archived", message="The candidate is archived.")
    refused = await ashby.send(call, body)
    assert (refused.status_code, refused.json()["success"]) == (200, False)
    info = refused.json()["errorInfo"]
    assert (info["code"], info["message"]) == ("candidate_archived", "The candidate is archived.")
    await ashby.inject("malformed", target=call)
    assert not (await ashby.send(call, b"{")).text.endswith("}")
    assert (await ashby.send(call, body)).json()["success"] is True


async def test_a_lost_answer(ashby: Ashby) -> None:
    """The update has its effect, so the same timestamp again is refused."""
    one = await ashby.order()
    await ashby.inject("lost_answer", assessment_id=one["id"])
    with pytest.raises(httpx2.TransportError):
        await ashby.update(one, scored(NOW))
    assert (await ashby.assessment(one))["state"] == "completed"
    assert (await ashby.update(one, scored(NOW)))["errorInfo"]["code"] == "timestamp_not_newer"
    assert (await ashby.update(one, scored(NOW + 1)))["success"] is True


@pytest.mark.parametrize("seconds", [0, 0.01])
async def test_the_same_start_twice(ashby: Ashby, seconds: float) -> None:
    """Both calls have the same body; another id in the second reply is a remark."""
    await ashby.inject("duplicate", target="assessment.start", seconds=seconds)
    assert (await ashby.start())["ok"]
    first, second = ashby.partner.get_bodies("assessment.start")
    assert first == second
    assert sum("another assessment_id" in str(one["remarks"]) for one in await ashby.log("call=assessment.start")) == 1
    assert (await ashby.start())["ok"]


@pytest.mark.parametrize(
    ("kind", "reasons"),
    [("timeout", "no complete reply"), ("reset", "connection reset"), ("latency", None), ("wrong_credentials", None)],
)
async def test_calls_to_the_partner_with_faults(ashby: Ashby, kind: str, reasons: str | None) -> None:
    """The fault hits one call; the next one works."""
    await ashby.inject(kind, target="assessment.list", seconds=0)
    answer = await ashby.call("POST", f"{ashby.integration}/refresh", {})
    assert answer["ok"] is (reasons is None)
    if reasons:
        assert reasons in answer["reasons"][0]
    assert (await ashby.call("POST", f"{ashby.integration}/refresh", {}))["ok"]
    assert [one["fault"] for one in await ashby.log("call=assessment.list")] == [kind, None]


@pytest.mark.parametrize(
    ("call", "reply", "rule"),
    [
        ("assessment.list", b"[", "reply.json"),
        ("assessment.list", [], "assessment.list.object"),
        ("assessment.list", {"results": []}, "assessment.list.success"),
        ("assessment.list", {"success": True, "results": {}}, "assessment.list.results"),
        ("assessment.list", {"success": True, "results": [{"assessment_type_id": "sql", "name": "x"}]}, "assessment.list.assessment_type_id"),
        ("assessment.list", {"success": True, "results": [{"assessment_type_id": TYPE}]}, "assessment.list.name"),
        ("assessment.list", {"success": False}, "assessment.list.error"),
        ("customFields.fetch", {"success": True, "results": []}, "customFields.fetch.fields"),
        ("customFields.fetch", {"success": True, "fields": [{"id": "a", "name": "A", "type": "Text"}]}, "customFields.fetch.type"),
        ("customFields.fetch", {"success": True, "fields": [{"id": "a", "name": "A", "type": "ValueSelect"}]}, "customFields.fetch.possible_values"),
    ],
)  # fmt: skip
async def test_replies_that_break_a_rule(ashby: Ashby, call: str, reply: Any, rule: str) -> None:
    """The reply is malformed by a rule that the simulator lists; a good reply works afterwards."""
    path = "refresh" if call == "assessment.list" else "sync-custom-fields"
    ashby.partner.replies[call] = reply
    answer = await ashby.call("POST", f"{ashby.integration}/{path}", {})
    assert answer["ok"] is False
    assert rule in (await ashby.log(f"call={call}"))[-1]["rules"]
    assert rule in {one["rule"] for one in (await ashby.call("GET", "/rules"))["data"]}
    del ashby.partner.replies[call]
    assert (await ashby.call("POST", f"{ashby.integration}/{path}", {}))["ok"]
    connection = await ashby.call("GET", ashby.integration)
    assert (connection["key_hint"], connection["enabled"]) == ("…oken", True)


async def test_refused_calls_of_the_api(ashby: Ashby) -> None:
    """Bad values are refused with their field; unknown ids are 404."""
    await ashby.call("GET", "/ashby/partners/x", status=404)
    await ashby.call("GET", "/ashby/assessments/a5b10007-0000-4000-8000-000000000009", status=404)
    for body in ({"name": "", "base_url": "https://a.example"}, {"name": "A", "base_url": "ftp://a.example"}):
        await ashby.call("POST", "/ashby/partners", body, status=422)
    await ashby.call("PATCH", f"/ashby/partners/{ashby.partner_id}", {"name": ""}, status=422)
    await ashby.call("PUT", ashby.integration, {"key": "with:colon"}, status=422)
    await ashby.call("DELETE", ashby.integration)
    await ashby.call("POST", f"{ashby.integration}/refresh", {}, status=409)
    await ashby.call("POST", "/ashby/candidates", {"job_id": "x", "first_name": "A", "email": "a@b"}, status=404)
