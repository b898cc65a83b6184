"""A whole order with the SDK and a webhook alone, as for a vendor that migrated."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.house import Linked, webhook
from tests.interop.sdk import Sdk, SdkError

BODY = "atsUpdateCandidatesAssessmentsResultsRequestDto"


async def test_from_send_test_to_complete(proctor: Linked, sdk: Sdk) -> None:
    """
    Greenhouse lists tests, sends one, and reads the SDK's result.

    A second result is a conflict.
    """
    hook = await webhook(proctor)
    (listed,) = (await proctor.call("list_tests")).json()
    packages = await sdk.ats("listAssessmentsPackages")
    interview = await proctor.send_test()
    (received,) = await proctor.house.vendor.receive(1)
    event = received.json
    digest = hmac.digest(hook["secret"].encode(), received.body, hashlib.sha256)

    assert [one["id"] for one in packages["assessmentPackagePaginated"]["data"]] == [listed["partner_test_id"]]
    assert received.headers["x-stackone-signature"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert (event["event"], event["account_id"]) == ("ats_assessments.created", proctor.account_id)
    assert event["event_data"]["candidate"]["emails"][0]["value"] == "ada@example.test"
    assert (await proctor.status(interview))["partner_status"] == "received"

    body = {
        "score": {"value": "82.5"},
        "result": {"value": "passed"},
        "resultUrl": "https://results.proctor-tests.com/r/1",
        "summary": "Strong on joins.",
    }
    order = event["record_id"]
    updated = await sdk.ats("updateAssessmentsResult", id=order, **{BODY: body})
    (pushed,) = await proctor.house.greenhouse.receive(1)
    status = await proctor.status(interview)

    assert updated["updateResult"]["statusCode"] == 200
    assert pushed.method == "PATCH"
    assert (status["partner_status"], status["partner_score"]) == ("complete", 82.5)
    assert status["partner_profile_url"] == body["resultUrl"]
    assert status["metadata"] == {"Notes": "Strong on joins.", "Outcome": "Passed"}

    again = await sdk.ats("updateAssessmentsResult", id=order, **{BODY: body})
    with pytest.raises(SdkError) as caught:
        await sdk.ats("updateAssessmentsResult", id=order, **{BODY: {**body, "summary": "Changed my mind."}})

    assert again["statusCode"] == 200
    assert (caught.value.kind, caught.value.status) == ("ConflictResponse", 409)
    assert (await proctor.status(interview))["metadata"]["Notes"] == "Strong on joins."
