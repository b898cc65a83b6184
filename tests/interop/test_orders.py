"""`ats` orders and results: the gateway stores every field that the SDK sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.house import Linked
from tests.interop.sdk import Sdk
from tests.interop.test_packages import publish

#: the differences between the two categories: method, the body's key, the answer's key
ASSESSMENT = ("orderAssessmentsRequest", "atsCreateCandidatesAssessmentsRequestDto", "createAssessmentOrderResult")
CHECK = ("orderBackgroundCheckRequest", "atsCreateBackgroundCheckOrderRequestDto", "createBackgroundCheckOrderResult")
RESULT = {
    "score": {"label": "Percent", "value": "82.5", "min": "0", "max": "100"},
    "startDate": datetime(2026, 11, 3, 9, 5, tzinfo=UTC),
    "submissionDate": datetime(2026, 11, 3, 10, 51, tzinfo=timezone(timedelta(hours=1))),
    "summary": "Strong on joins.",
    "result": {"value": "passed", "sourceValue": "PASS"},
    "resultUrl": "https://results.proctor-tests.com/r/1",
    "attachments": [{"url": "https://results.proctor-tests.com/r/1.pdf", "contentType": {"value": "pdf"}}],
    "candidate": {"id": "c-1", "profileUrl": "https://results.proctor-tests.com/c/1"},
    "passthrough": {"attempt": 2},
}


def asked_order(package_id: str, **more: Any) -> dict[str, Any]:
    """Returns an order as the SDK takes it, with every field."""
    return {
        "id": "order-1",
        "package": {"id": package_id},
        "application": {"id": "app-1", "remoteId": "41", "applicationStatus": {"value": "interview"}},
        "job": {
            "id": "job-1",
            "remoteId": "77",
            "title": "Analyst",
            "hiringTeam": [
                {"userId": "u1", "firstName": "Hedy", "email": "hedy@northwind.example", "role": "Recruiter"}
            ],
        },
        "candidate": {
            "id": "cand-1",
            "remoteId": "17",
            "firstName": "Ada",
            "lastName": "Nguyễn-O'Neill",
            "emails": [{"type": "personal", "value": "ada@example.test"}],
            "profileUrl": "https://northwind.example/people/17",
        },
        "requester": {"email": "rina@northwind.example"},
        "passthrough": {"note": {"urgent": True}},
        **more,
    }


async def with_checks(linked: Linked) -> None:
    """Makes the project one of background checks, with one package."""
    configured = {"tenant_id": linked.tenant, "partner_category": "background_checks", "package_id": "basic"}
    answer = await linked.api("PUT", "/v1/integrations/greenhouse", json=configured)
    assert answer.status_code == 200, answer.text
    await publish(
        linked, [{"id": "basic", "name": "Basic", "tests": [{"id": "t1", "name": "Identity"}]}], "background_checks"
    )


async def place(sdk: Sdk, names: tuple[str, str, str], package_id: str, **more: Any) -> dict[str, Any]:
    """Places an order; returns the SDK's answer."""
    method, body, answer = names
    given = await sdk.ats(method, **{body: asked_order(package_id, **more)})
    assert given["statusCode"] == 200
    return dict(given[answer])


@pytest.mark.parametrize("names", [ASSESSMENT, CHECK], ids=["assessment", "background check"])
async def test_an_order_has_what_the_sdk_wrote(proctor: Linked, sdk: Sdk, names: tuple[str, str, str]) -> None:
    """The order has the fields under their wire names; the same id is the same order."""
    if names is CHECK:
        await with_checks(proctor)
    package_id = "basic" if names is CHECK else "pkg_core_sql"
    placed = await place(sdk, names, package_id)
    again = await place(sdk, names, package_id)
    other = await place(sdk, names, package_id, id="order-2")
    category = "background_checks" if names is CHECK else "assessments"
    read = (await proctor.unified("GET", f"/{category}/orders/{placed['id']}")).json()["data"]

    assert placed == again == {"id": placed["id"], "remoteId": None, "testUrl": None}
    assert other["id"] != placed["id"]
    assert (read["package_id"], read["application_id"], read["candidate_id"], read["job_id"]) == (
        package_id,
        "41",
        "17",
        "77",
    )
    assert read["candidate"]["emails"][0]["value"] == "ada@example.test"
    assert (read["candidate"]["first_name"], read["candidate"]["last_name"]) == ("Ada", "Nguyễn-O'Neill")
    assert read["candidate"]["profile_url"] == "https://northwind.example/people/17"
    assert read["job"]["title"] == "Analyst"
    assert read["job"]["hiring_team"][0]["email"] == "hedy@northwind.example"
    assert read["requester"]["email"] == "rina@northwind.example"
    assert read["passthrough"] == {"note": {"urgent": True}}


@pytest.mark.parametrize("names", [ASSESSMENT, CHECK], ids=["assessment", "background check"])
async def test_a_result_has_what_the_sdk_wrote(proctor: Linked, sdk: Sdk, names: tuple[str, str, str]) -> None:
    """Dates are in UTC to the millisecond; nested fields have their wire names."""
    if names is CHECK:
        await with_checks(proctor)
    order = (await place(sdk, names, "basic" if names is CHECK else "pkg_core_sql"))["id"]
    if names is CHECK:
        given = await sdk.ats("updateBackgroundCheckResult", id=order, atsUpdateBackgroundCheckResultRequestDto=RESULT)
    else:
        given = await sdk.ats(
            "updateAssessmentsResult", id=order, atsUpdateCandidatesAssessmentsResultsRequestDto=RESULT
        )
    category = "background_checks" if names is CHECK else "assessments"
    read = (await proctor.unified("GET", f"/{category}/orders/{order}/results")).json()["data"]

    assert given["updateResult"]["statusCode"] == given["statusCode"] == 200
    assert given["updateResult"]["message"] == "Record updated successfully."
    assert datetime.fromisoformat(given["updateResult"]["timestamp"]).tzinfo is not None
    assert read["score"] == {"label": "Percent", "value": "82.5", "min": "0", "max": "100"}
    assert (read["start_date"], read["submission_date"]) == ("2026-11-03T09:05:00.000Z", "2026-11-03T09:51:00.000Z")
    assert read["result"] == {"value": "passed", "source_value": "PASS"}
    assert (read["summary"], read["result_url"]) == ("Strong on joins.", RESULT["resultUrl"])
    assert read["attachments"][0]["url"].endswith("/r/1.pdf")
    assert read["attachments"][0]["content_type"]["value"] == "pdf"
    assert read["candidate"] == {"id": "c-1", "profile_url": "https://results.proctor-tests.com/c/1"}


async def test_progress_comes_before_the_result(proctor: Linked, sdk: Sdk) -> None:
    """Two values of the SDK's enum report progress, without a URL."""
    order = (await place(sdk, ASSESSMENT, "pkg_core_sql"))["id"]
    for word, status in (("initiated", "invited"), ("in_progress", "in_progress")):
        body = {"result": {"value": word}}
        await sdk.ats("updateAssessmentsResult", id=order, atsUpdateCandidatesAssessmentsResultsRequestDto=body)
        assert (await proctor.order(order))["status"] == status
    await sdk.ats("updateAssessmentsResult", id=order, atsUpdateCandidatesAssessmentsResultsRequestDto=RESULT)

    assert (await proctor.order(order))["status"] == "completed"
