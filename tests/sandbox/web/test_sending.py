"""*Send test* as a recruiter does it, one candidate or many, and the interview kit."""

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


async def test_from_to_be_sent_to_the_score(lived: Greenhouse) -> None:
    """The three states of the candidate's page, in Greenhouse's words."""
    page = text_of(await lived.client.get(ADA))
    assert "Submitted tests Test needs to be sent to candidate Send test to candidate" in page
    assert "Graders No assignments to assign graders." in page

    sent = await lived.client.post("/applications/26234701/send-test", data=FORM)

    page = text_of(await lived.client.get(sent.headers["location"]))
    assert page.startswith(" Submitted tests ")
    assert "Awaiting candidate's submission. Test last sent Nov 24, 2026" in page
    assert "Graders Greta Grader" in page
    newest = (await lived.call("GET", "/take-homes?application_id=26234701"))["data"][-1]
    assert (newest["to"], newest["sent_by"]) == ("ada@example.test", "rina.recruiter@hemlock.example")
    await lived.complete(newest["id"])
    page = await lived.client.get(ADA)
    assert "Codely (score: 82.5) Go to test" in text_of(page)
    assert f'href="{STATUS["partner_profile_url"]}" rel="noreferrer"' in page.text


async def test_the_dialog_asks_the_partner_when_it_is_opened(lived: Greenhouse) -> None:
    """Filled in beforehand; a failing partner is the recruiter's generic error, with the reason apart from it."""
    before = len(lived.partner.asked("list_tests"))
    page = await lived.client.get("/applications/26234701/send-test")
    assert len(lived.partner.asked("list_tests")) == before + 1
    assert 'value="ada.okafor@example.test"' in page.text
    assert '<option value="sql">SQL</option>' in page.text

    failed = text_of(await lived.client.get("/applications/26234701/send-test?stage_id=5014"))
    assert ERROR in failed
    assert "Why?" in failed
    lived.partner.replies["list_tests"] = []
    assert "has no tests to send" in text_of(await lived.client.get("/applications/26234701/send-test"))


async def test_a_send_that_fails_shows_on_the_candidates_page(lived: Greenhouse) -> None:
    """And the next one may work."""
    lived.partner.replies["send_test"] = b"no json"
    failed = await lived.client.post("/applications/26234701/send-test", data=FORM)
    page = text_of(await lived.client.get(failed.headers["location"]))
    assert f"Submitted tests {ERROR} Why? The call in the traffic log" in page

    del lived.partner.replies["send_test"]
    await lived.client.post("/applications/26234701/send-test", data=FORM)

    assert ERROR not in text_of(await lived.client.get(ADA))


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
async def test_an_incomplete_form_sends_nothing(lived: Greenhouse, changes: dict[str, str], says: str) -> None:
    """What was typed stays."""
    before = len(lived.partner.asked("send_test"))

    page = await lived.client.post("/applications/26234701/send-test", data={**FORM, **changes})

    assert says in text_of(page, status=422)
    assert len(lived.partner.asked("send_test")) == before
    assert "to" in changes or 'value="ada@example.test"' in page.text


async def test_a_test_is_scheduled(lived: Greenhouse) -> None:
    """For a time on the simulator's clock, and goes out when it comes."""
    form = {**FORM, "when": "later", "send_at": "2026-11-25T08:00"}
    scheduled = await lived.client.post("/applications/26234701/send-test", data=form)
    page = text_of(await lived.client.get(scheduled.headers["location"]))
    assert "Test scheduled" in page
    assert "due 2026-11-25 08:00:00 UTC" in page

    await lived.call("POST", "/clock/advance", {"days": 1})

    assert "Test last sent Nov 25, 2026" in text_of(await lived.client.get(ADA))


async def test_many_at_once_from_the_pipeline(lived: Greenhouse) -> None:
    """Those who were chosen, or everybody in the stage; the pipeline says what is next for each."""
    page = text_of(await lived.client.get("/jobs/4001/candidates?stage_id=5013"))
    assert "Ada Okafor less than a day To Be Sent –" in page
    assert "Zoë Nguyễn-O'Neill less than a day To Be Graded 82.5" in page
    assert "Mateo Silva less than a day Waiting –" in page
    dialog = await lived.client.get("/stages/5013/send-tests?application_id=26234701&application_id=26234703")
    assert "To: 2 candidates Ada Okafor, Mateo Silva" in text_of(dialog)
    assert "To: 3 candidates" in text_of(await lived.client.get("/stages/5013/send-tests"))
    form = {"test_id": "sql", "grader_ids": "901", "application_id": ["26234701", "26234703"]}
    assert "Test is required" in text_of(
        await lived.client.post("/stages/5013/send-tests", data={**form, "test_id": ""}), status=422
    )
    before = len(lived.partner.asked("send_test"))

    sent = await lived.client.post("/stages/5013/send-tests", data=form)

    assert len(lived.partner.asked("send_test")) == before + 2
    assert "Submitted tests: 2." in text_of(await lived.client.get(sent.headers["location"]))
    lived.partner.replies["send_test"] = {}
    failed = await lived.client.post("/stages/5013/send-tests", data={**form, "application_id": "26234701"})
    page = text_of(await lived.client.get(failed.headers["location"]))
    assert f"{ERROR} Not sent: 1." in page
    assert "Waiting Failed" in page


async def test_the_interview_kit_shows_every_row_in_order(lived: Greenhouse) -> None:
    """Verbatim, and escaped."""
    lived.partner.replies["test_status"] = {**STATUS, "metadata": {"Notes": "<b>fine</b>", "Rank": 3, "Passed": True}}
    await lived.complete(900002)
    page = await lived.client.get("/applications/26234703/stages/5013/kit")

    assert "<b>" not in page.text
    assert (
        "Codely Report for Mateo Silva Sent by Rina Recruiter on Nov 24, 2026 "
        "Report View Report Score 82.5 Notes <b>fine</b> Rank 3 Passed true" in text_of(page)
    )
    assert text_of(await lived.client.get("/take-homes/900002/kit")) == text_of(page)
    assert "No report yet" in text_of(await lived.client.get("/applications/26234701/stages/5013/kit"))
    assert "Scorecard" in text_of(await lived.client.get("/take-homes/900002/kit/scorecard"))
    assert (await lived.client.get("/applications/26234701/stages/5009/kit")).status_code == 422


async def test_a_result_that_greenhouse_would_not_show(lived: Greenhouse) -> None:
    """The recruiter sees nothing of it; who builds the partner reads why."""
    lived.partner.replies["test_status"] = {**STATUS, "partner_profile_url": "http://127.0.0.1/r"}
    await lived.complete(900002)

    page = text_of(await lived.client.get("/people/17681503"))

    assert "Awaiting candidate's submission." in page
    assert "Greenhouse shows nothing of it: 127.0.0.1 is not a public address." in page
    await lived.call("PATCH", "/settings", {"show_private_result_urls": True})
    assert "Codely (score: 82.5)" in text_of(await lived.client.get("/people/17681503"))


async def test_graders_and_a_poll_by_hand(lived: Greenhouse) -> None:
    """Colleagues only, and at least one of them."""
    path = "/take-homes/900001/graders"
    for wrong in ({}, {"grader_ids": "904"}, {"grader_ids": "x"}):
        assert "Graders must" in text_of(await lived.client.post(path, data=wrong), status=422)
    await lived.client.post(path, data={"grader_ids": ["902", "903"]})
    assert "Graders Hugo Hiring, Greta Grader" in text_of(await lived.client.get("/people/17681502"))

    polled = await lived.client.post("/take-homes/900002/poll")

    assert "Codely (score: 82.5)" in text_of(await lived.client.get(polled.headers["location"]))
