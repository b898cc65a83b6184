"""The pages of *Send test*, for one candidate and in bulk, and the interview kit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import STATUS, Greenhouse
from tests.sandbox.web.conftest import text_of

ERROR = "Sorry, we encountered an error. Please try again."
ADA = "/people/17681501?application_id=26234701"
FORM: dict[str, Any] = {
    "stage_id": "5013",
    "to": "ada@example.test",
    "test_id": "sql",
    "grader_ids": "903",
    "when": "now",
}


async def test_from_to_be_sent_to_the_score(populated: Greenhouse) -> None:
    """The candidate's page has Greenhouse's text for each of the three states."""
    page = text_of(await populated.client.get(ADA))
    assert "Submitted tests Test needs to be sent to candidate Send test to candidate" in page
    assert "Graders No assignments to assign graders." in page

    sent = await populated.client.post("/applications/26234701/send-test", data=FORM)

    page = text_of(await populated.client.get(sent.headers["location"]))
    assert page.startswith(" Submitted tests ")
    assert "Awaiting candidate's submission. Test last sent Nov 24, 2026" in page
    assert "Graders Greta Grader" in page
    newest = (await populated.call("GET", "/take-homes?application_id=26234701"))["data"][-1]
    assert (newest["to"], newest["sent_by"]) == ("ada@example.test", "rina.recruiter@hemlock.example")
    await populated.complete(newest["id"])
    page = await populated.client.get(ADA)
    assert "Codely (score: 82.5) Go to test" in text_of(page)
    assert f'href="{STATUS["partner_profile_url"]}" rel="noreferrer"' in page.text


async def test_the_dialog_asks_the_partner_when_it_is_opened(populated: Greenhouse) -> None:
    """The form is prefilled; a failing partner is a generic error with a reason."""
    before = len(populated.partner.get_requests("list_tests"))
    page = await populated.client.get("/applications/26234701/send-test")
    assert len(populated.partner.get_requests("list_tests")) == before + 1
    assert 'value="ada.okafor@example.test"' in page.text
    assert '<option value="sql">SQL</option>' in page.text

    failed = text_of(await populated.client.get("/applications/26234701/send-test?stage_id=5014"))
    assert ERROR in failed
    assert "Why?" in failed
    populated.partner.replies["list_tests"] = []
    assert "has no tests to send" in text_of(await populated.client.get("/applications/26234701/send-test"))


async def test_a_send_that_fails_shows_on_the_candidates_page(populated: Greenhouse) -> None:
    """The error disappears with the next successful send."""
    populated.partner.replies["send_test"] = b"no json"
    failed = await populated.client.post("/applications/26234701/send-test", data=FORM)
    page = text_of(await populated.client.get(failed.headers["location"]))
    assert f"Submitted tests {ERROR} Why? The call in the traffic log" in page

    del populated.partner.replies["send_test"]
    await populated.client.post("/applications/26234701/send-test", data=FORM)

    assert ERROR not in text_of(await populated.client.get(ADA))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"to": " "}, "To is required"),
        ({"test_id": ""}, "Test is required"),
        ({"grader_ids": ""}, "Graders must be at least one person"),
        ({"when": "later"}, "Time is required"),
        ({"when": "later", "send_at": "soon"}, "Time must be a date and a time"),
    ],
)
async def test_an_incomplete_form_sends_nothing(populated: Greenhouse, changes: dict[str, str], says: str) -> None:
    """The input is kept."""
    before = len(populated.partner.get_requests("send_test"))

    page = await populated.client.post("/applications/26234701/send-test", data={**FORM, **changes})

    assert says in text_of(page, status=422)
    assert len(populated.partner.get_requests("send_test")) == before
    assert "to" in changes or 'value="ada@example.test"' in page.text


async def test_a_test_is_scheduled(populated: Greenhouse) -> None:
    """The test is sent when the virtual clock reaches its time."""
    form = {**FORM, "when": "later", "send_at": "2026-11-25T08:00"}
    scheduled = await populated.client.post("/applications/26234701/send-test", data=form)
    page = text_of(await populated.client.get(scheduled.headers["location"]))
    assert "Test scheduled" in page
    assert "due 2026-11-25 08:00:00 UTC" in page

    await populated.call("POST", "/clock/advance", {"days": 1})

    assert "Test last sent Nov 25, 2026" in text_of(await populated.client.get(ADA))


async def test_many_at_once_from_the_pipeline(populated: Greenhouse) -> None:
    """A bulk send is for the chosen candidates, or for the whole stage."""
    page = text_of(await populated.client.get("/jobs/4001/candidates?stage_id=5013"))
    assert "Ada Okafor less than a day To Be Sent –" in page
    assert "Zoë Nguyễn-O'Neill less than a day To Be Graded 82.5" in page
    assert "Mateo Silva less than a day Waiting –" in page
    dialog = await populated.client.get("/stages/5013/send-tests?application_id=26234701&application_id=26234703")
    assert "To: 2 candidates Ada Okafor, Mateo Silva" in text_of(dialog)
    assert "To: 3 candidates" in text_of(await populated.client.get("/stages/5013/send-tests"))
    form = {"test_id": "sql", "grader_ids": "901", "application_id": ["26234701", "26234703"]}
    assert "Test is required" in text_of(
        await populated.client.post("/stages/5013/send-tests", data={**form, "test_id": ""}), status=422
    )
    before = len(populated.partner.get_requests("send_test"))

    sent = await populated.client.post("/stages/5013/send-tests", data=form)

    assert len(populated.partner.get_requests("send_test")) == before + 2
    assert "Submitted tests: 2." in text_of(await populated.client.get(sent.headers["location"]))
    populated.partner.replies["send_test"] = {}
    failed = await populated.client.post("/stages/5013/send-tests", data={**form, "application_id": "26234701"})
    page = text_of(await populated.client.get(failed.headers["location"]))
    assert f"{ERROR} Not sent: 1." in page
    assert "Waiting Failed" in page


async def test_the_interview_kit_shows_every_row_in_order(populated: Greenhouse) -> None:
    """The rows are verbatim and escaped."""
    populated.partner.replies["test_status"] = {
        **STATUS,
        "metadata": {"Notes": "<b>fine</b>", "Rank": 3, "Passed": True},
    }
    await populated.complete(900002)
    page = await populated.client.get("/applications/26234703/stages/5013/kit")

    assert "<b>" not in page.text
    assert (
        "Codely Report for Mateo Silva Sent by Rina Recruiter on Nov 24, 2026 "
        "Report View Report Score 82.5 Notes <b>fine</b> Rank 3 Passed true" in text_of(page)
    )
    assert text_of(await populated.client.get("/take-homes/900002/kit")) == text_of(page)
    assert "No report yet" in text_of(await populated.client.get("/applications/26234701/stages/5013/kit"))
    assert "Scorecard" in text_of(await populated.client.get("/take-homes/900002/kit/scorecard"))
    assert (await populated.client.get("/applications/26234701/stages/5009/kit")).status_code == 422


async def test_a_result_that_greenhouse_hides(populated: Greenhouse) -> None:
    """The recruiter does not see the result; a framed note says why."""
    populated.partner.replies["test_status"] = {**STATUS, "partner_profile_url": "http://127.0.0.1/r"}
    await populated.complete(900002)

    page = text_of(await populated.client.get("/people/17681503"))

    assert "Awaiting candidate's submission." in page
    assert "Greenhouse shows nothing of it: 127.0.0.1 is not a public address." in page
    await populated.call("PATCH", "/settings", {"show_private_result_urls": True})
    assert "Codely (score: 82.5)" in text_of(await populated.client.get("/people/17681503"))


async def test_graders_and_a_poll_by_hand(populated: Greenhouse) -> None:
    """At least one grader is required, and only colleagues are accepted."""
    path = "/take-homes/900001/graders"
    for wrong in ({}, {"grader_ids": "904"}, {"grader_ids": "x"}):
        assert "Graders must" in text_of(await populated.client.post(path, data=wrong), status=422)
    await populated.client.post(path, data={"grader_ids": ["902", "903"]})
    assert "Graders Hugo Hiring, Greta Grader" in text_of(await populated.client.get("/people/17681502"))

    polled = await populated.client.post("/take-homes/900002/poll")

    assert "Codely (score: 82.5)" in text_of(await populated.client.get(polled.headers["location"]))
