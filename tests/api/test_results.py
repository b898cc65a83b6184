"""The unified result body: accepted and refused values, and equivalent spellings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.house import RESULT, House, Linked


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("score", {"value": "85%"}, "score.value: expected a finite decimal"),
        ("score", {"max": "NaN"}, "score.max: expected a finite decimal"),
        ("score", {"min": True}, "score.min: expected a number"),
        ("score", {"value": ""}, "score.value: is blank"),
        ("score", {"value": " "}, "score.value: is blank"),
        ("score", {"value": 1, "max": ""}, "score.max: is blank"),
        ("score", {"value": 1, "label": ""}, "score.label: is blank"),
        ("start_date", "2026-11-03T09:05:00", "start_date: has no zone; write"),
        ("start_date", "yesterday", "start_date: expected an ISO 8601"),
        ("submission_date", "0001-01-01T00:00:00+05:00", "submission_date: is outside the years"),
        ("result", {"value": "pending"}, "result.value: expected one of initiated"),
        ("result_url", None, "result_url: required"),
        ("result_url", "results.example", "result_url: expected an absolute"),
    ],
)
async def test_an_invalid_field_is_refused(proctor: Linked, field: str, value: Any, said: str) -> None:
    """An invalid field gets 422 with its name; the preview shows the same field as `refused`."""
    order = await proctor.send_test()
    body = {**RESULT, field: value}
    answer = await proctor.give_result(order, body)
    tried = await proctor.api("POST", f"/v1/orders/{order}/result:preview", json=body)

    assert answer.status_code == 422
    assert said in answer.json()["message"]
    assert answer.json()["errors"][0].startswith(said[: said.index(":")])
    assert tried.status_code == 200
    assert not tried.json()["accepted"]
    assert [(one["field"], one["verdict"]) for one in tried.json()["fields"]] == [(said.partition(":")[0], "refused")]
    assert (await proctor.order(order))["status"] == "received"


async def test_accepted_spellings(proctor: Linked) -> None:
    """Numbers for texts, fields of StackOne's read model, blanks, nulls and an unmapped value are accepted."""
    order = await proctor.send_test()
    body = {
        "id": "old-client",
        "remote_id": 7,
        "score": {"value": 82.5, "min": 0, "max": 100, "label": "points"},
        "start_date": "",
        "submission_date": None,
        "result": {"value": "unmapped_value", "source_value": "needs_review"},
        "result_url": RESULT["result_url"],
        "attachments": [{"url": "https://x.example.com/a", "content_type": {"value": "pdf"}}],
        "candidate": {"id": 7, "remote_id": "c7", "profile_url": None},
        "passthrough": {"anything": None, "scores": [{"deep": "\x00"}]},
    }
    answer = await proctor.give_result(order, body)
    result = (await proctor.unified("GET", f"/assessments/orders/{order}/results")).json()["data"]

    assert set(answer.json()) == {"statusCode", "message", "timestamp"}
    assert (answer.json()["statusCode"], answer.json()["message"]) == (200, "Record updated successfully.")
    assert result["score"] == {"label": "points", "value": "82.5", "min": "0", "max": "100"}
    assert (result["start_date"], result["submission_date"]) == (None, None)
    assert result["result"] == {"value": None, "source_value": "needs_review"}
    assert result["candidate"] == {"id": "7", "profile_url": None}
    assert (await proctor.order(order))["outcome"] == "needs_review"


#: a misspelled field at each level, each with its error line
MISSPELLED = {
    "scores": {"value": "82.5"},
    "resultUrl": "https://results.proctor-tests.com/r/1",
    "score": {"vlaue": "82.5", "min": "", "max": "100%"},
    "result": {"value": "passed", "values": "passed"},
    "attachments": [
        {"url": "https://x.example.com/a"},
        {"link": "https://x.example.com/b", "content_type": {"typ": 1}},
    ],
    "candidate": {"profile": "https://x.example.com/c"},
    "passthrough": {"scores": 1},
}
SAID = [
    "scores: unknown field. Did you mean score?",
    "resultUrl: unknown field. Did you mean result_url?",
    "score.vlaue: unknown field. Did you mean value?",
    "score.min: is blank; leave it out or send null when there is none",
    "score.max: expected a finite decimal number such as 82.5, not '100%'",
    "result.values: unknown field. Did you mean value?",
    "attachments.1.link: unknown field. Known: url, content_type.",
    "attachments.1.content_type.typ: unknown field. Known: value, source_value.",
    "candidate.profile: unknown field. Did you mean profile_url?",
]


@pytest.mark.parametrize("category", ["assessments", "background_checks"])
async def test_every_misspelled_field_is_named_and_nothing_final_leaves(house: House, category: str) -> None:
    """
    The error and the preview name every misspelled field; the corrected result is accepted, and the ATS is notified.
    """
    proctor = await house.link("proctor", package_id="pkg_core_sql", partner_category=category)
    order = await proctor.send_test()
    refused = await proctor.give_result(order, {**RESULT, **MISSPELLED}, category)
    preview = await proctor.api("POST", f"/v1/orders/{order}/result:preview", json={**RESULT, **MISSPELLED})
    after_refusal = await proctor.order(order)
    corrected = await proctor.give_result(order, RESULT, category)
    await house.greenhouse.receive(1)

    assert (refused.status_code, refused.json()["errors"]) == (422, SAID)
    assert (preview.status_code, preview.json()["accepted"]) == (200, False)
    fields = [(one["field"], one["verdict"], one["reason"]) for one in preview.json()["fields"]]
    assert fields == [(line.partition(": ")[0], "refused", line.partition(": ")[2]) for line in SAID]
    assert (after_refusal["status"], after_refusal["result"]) == ("received", None)
    assert corrected.status_code == 200
    assert (await proctor.status(order))["partner_score"] == 82.5


async def test_a_misspelled_field_of_progress_is_refused_too(proctor: Linked) -> None:
    """Progress with a misspelled field is refused, since it may be a misspelled final result."""
    order = await proctor.send_test()
    answer = await proctor.give_result(order, {"result": {"value": "in_progress"}, "sumary": "half way"})

    assert (answer.status_code, answer.json()["errors"]) == (422, ["sumary: unknown field. Did you mean summary?"])
    assert (await proctor.order(order))["status"] == "received"


async def test_a_flood_of_unknown_fields_gets_a_short_answer(proctor: Linked) -> None:
    """Nineteen unknown fields of an object are named, the others are counted."""
    order = await proctor.send_test()
    answer = await proctor.give_result(order, {**RESULT, **{f"x{number}": 1 for number in range(20_000)}})

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20
    assert answer.json()["errors"][-1] == "body: 19981 more unknown fields."


async def test_the_same_instant_in_another_zone_is_the_same_result(proctor: Linked) -> None:
    """Times are stored in UTC; another instant is another result, and the differing field is named."""
    order = await proctor.send_test()
    assert (await proctor.give_result(order, {**RESULT, "start_date": "2026-11-03T10:05:00+01:00"})).status_code == 200
    assert (await proctor.give_result(order, RESULT)).status_code == 200
    other = await proctor.give_result(order, {**RESULT, "start_date": "2026-11-03T10:05:00Z"})
    read = (await proctor.unified("GET", f"/assessments/orders/{order}/results")).json()["data"]

    assert (other.status_code, other.json()["errors"]) == (409, ["start_date: differs from the recorded result"])
    assert read["start_date"] == "2026-11-03T09:05:00.000Z"
    assert (await proctor.order(order))["result"]["start_date"] == "2026-11-03T09:05:00.000Z"


async def test_a_result_of_the_other_category_is_not_found(proctor: Linked) -> None:
    """The other category's path can neither record nor read the result."""
    order = await proctor.send_test()

    assert (await proctor.give_result(order, category="background_checks")).status_code == 404
    for path in (f"/background_checks/orders/{order}", f"/background_checks/orders/{order}/results"):
        assert (await proctor.unified("GET", path)).status_code == 404
    assert (await proctor.unified("GET", "/background_checks/orders")).json()["data"] == []


async def test_there_is_no_result_yet(proctor: Linked) -> None:
    """The result is 404 until the vendor has sent one; progress is no result."""
    order = await proctor.send_test()
    assert (await proctor.give_result(order, {"result": {"value": "in_progress"}})).status_code == 200

    assert (await proctor.unified("GET", f"/assessments/orders/{order}/results")).status_code == 404
    assert (await proctor.order(order))["status"] == "in_progress"


@pytest.mark.parametrize(
    ("integration", "test", "said"),
    [
        ({}, {"url": "https://evil.example/1"}, "evil.example is not in the integration's callback_hosts (127.0.0.1)"),
        ({"partner_password": None}, {}, "partner_username and partner_password are not configured"),
        ({}, {"url": None}, "the ATS gave no callback URL"),
    ],
    ids=["host", "credentials", "no url"],
)
async def test_a_result_that_cannot_be_pushed_says_so_at_once(
    house: House, integration: dict[str, Any], test: dict[str, Any], said: str
) -> None:
    """The response warns of it, for a repeated result too; the result is stored, and the ATS can still read it."""
    proctor = await house.link("proctor", package_id="pkg_core_sql", **integration)
    order = await proctor.send_test(**test)
    progress = await proctor.give_result(order, {"result": {"value": "in_progress"}})
    first, again = await proctor.give_result(order), await proctor.give_result(order)
    polled = await proctor.status(order)
    after_poll = await proctor.give_result(order)

    assert "unified_warnings" not in progress.json()
    for answer in (first, again):
        assert answer.status_code == 200
        (warning,) = answer.json()["unified_warnings"]
        assert warning["message"].startswith("The result is recorded but not pushed: ")
        assert said in warning["message"]
    assert polled["partner_status"] == "complete"
    assert "unified_warnings" not in after_poll.json()
    assert house.greenhouse.received == []


async def test_a_result_that_the_ats_refused_says_so_when_it_comes_again(house: House, proctor: Linked) -> None:
    """The first response has no warning, since the push had not been attempted; the repeat has one."""
    house.greenhouse.will_answer(404)
    order = await proctor.send_test()
    first = await proctor.give_result(order)
    await proctor.becomes(order, delivery="refused")
    again = await proctor.give_result(order)

    assert "unified_warnings" not in first.json()
    assert "Greenhouse answered 404" in again.json()["unified_warnings"][0]["message"]
