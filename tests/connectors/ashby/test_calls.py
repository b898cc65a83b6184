"""Ashby's calls: what is answered, and what is refused in Ashby's shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.connectors.ashby.conftest import PACKAGES, Ashby

QUESTIONS = [
    {
        "id": "language",
        "label": "Language",
        "type": "select",
        "required": True,
        "options": [{"value": "en", "label": "English"}, {"value": "fr", "label": "French"}],
    },
    {"id": "notes", "label": "Notes", "type": "long_text"},
]


def envelope(answer: Any) -> str:
    """The message of a refusal, which has Ashby's error shape."""
    body = answer.json()
    assert body["success"] is False
    assert body["errorInfo"]["code"]
    assert body["errorInfo"]["requestId"]
    assert body["errorInfo"]["message"] == body["message"]
    assert body["errors"]
    return str(body["message"])


async def test_the_list_has_uuids(northwind: Ashby) -> None:
    """The same ones each time."""
    first = (await northwind.ats("assessment.list")).json()
    assert first["success"] is True
    assert [one["name"] for one in first["results"]] == [one["name"] for one in PACKAGES]
    assert len({one["assessment_type_id"] for one in first["results"]}) == 2
    assert (await northwind.ats("assessment.list")).json() == first


async def test_the_endpoints_are_one_base_url_and_a_call(northwind: Ashby) -> None:
    """As they are entered at Ashby, with when each was called."""
    await northwind.ats("assessment.list")
    shown = (await northwind.api("GET", "/v1/integrations/ashby")).json()
    base = f"{northwind.house.settings.public_url}/external-trigger/ashby/proctor/"
    names = ("assessment.list", "assessment.start", "assessment.cancel", "customFields.fetch", "customField.list")
    assert shown["endpoints"] == {name: base + name for name in names}
    assert shown["last_called_at"]["assessment.list"]
    assert "partner_username" not in shown


@pytest.mark.parametrize("call", ["customFields.fetch", "customField.list", "assessment.customField.list"])
async def test_questions_are_custom_fields(northwind: Ashby, call: str) -> None:
    """Under `fields`, under both names; the answers are in the vendor's event."""
    body = {"tenant_id": "proctor", "questions": QUESTIONS}
    assert (await northwind.ats(call)).json() == {"success": True, "fields": []}
    put = await northwind.api("PUT", "/v1/integrations/ashby", json=body)
    assert put.status_code == 200, put.text

    fields = (await northwind.ats(call)).json()["fields"]

    assert fields == [
        {
            "id": "language",
            "name": "Language",
            "type": "ValueSelect",
            "isRequired": True,
            "possible_values": [{"key": "en", "value": "English"}, {"key": "fr", "value": "French"}],
        },
        {"id": "notes", "name": "Notes", "type": "LongText", "isRequired": False},
    ]
    await northwind.start(additional_fields={"language": "fr"})
    (hook,) = await northwind.house.vendor.receive(1)
    assert hook.json["event_data"]["passthrough"] == {"additional_fields": {"language": "fr"}}


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        ({"id": "a", "label": "A", "type": "select"}, "select without options"),
        ({"id": "a", "label": "A", "type": "mood"}, "questions.0.type"),
        ({"id": "a", "label": "A", "typ": "text"}, "Did you mean type?"),
    ],
)
async def test_a_question_that_cannot_be_asked_is_refused(
    northwind: Ashby, question: dict[str, Any], problem: str
) -> None:
    """422 with the field, and nothing is changed."""
    before = (await northwind.api("GET", "/v1/integrations/ashby")).json()
    answer = await northwind.api(
        "PUT", "/v1/integrations/ashby", json={"tenant_id": "proctor", "questions": [question]}
    )
    assert answer.status_code == 422
    assert problem in answer.json()["message"]
    assert (await northwind.api("GET", "/v1/integrations/ashby")).json() == before


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"assessment_type_id": None}, "assessment_type_id: required"),
        ({"assessment_type_id": {}}, "assessment_type_id: expected a text"),
        ({"assessment_type_id": "5f0c8a2e-7f0e-5c55-9c1d-0f1d6f4f6a3b"}, "There is no assessment type"),
        ({"candidate": None}, "candidate: expected an object"),
        ({"candidate": {"ashby_id": "1"}}, "candidate.email: required"),
        ({"application": {"ashby_id": "\x00", "status": "Active"}}, "application.ashby_id: has a NUL"),
        ({"application": []}, "application: expected an object"),
        ({"job": {"name": 5}}, "job.ashby_id: required"),
        (
            {"job": {"ashby_id": "1", "name": "J", "ashby_job_url": "u", "hiringTeam": ["x"]}},
            "job.hiringTeam: expected",
        ),
        ({"additional_fields": "x"}, "additional_fields: expected an object"),
    ],
)
async def test_a_wrong_start_is_refused_and_stores_nothing(
    northwind: Ashby, changes: dict[str, Any], problem: str
) -> None:
    """422 with a sentence that the recruiter is shown."""
    answer = await northwind.ats("assessment.start", await northwind.start_body(**changes))
    assert answer.status_code == 422
    assert problem in envelope(answer)
    assert await northwind.orders() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"assessment_id": 5'])
@pytest.mark.parametrize("call", ["assessment.start", "assessment.cancel"])
async def test_a_body_that_is_none_is_refused(northwind: Ashby, call: str, body: bytes) -> None:
    """400 with a sentence."""
    answer = await northwind.ats(call, content=body)
    assert answer.status_code == 400
    assert envelope(answer).endswith(".")
    assert await northwind.orders() == []


@pytest.mark.parametrize("given", ["x", "3c1c5a0e-3c56-4a4e-9c62-1d2f5a4a0002", "", 5, None, "\ud800"])
async def test_an_unknown_assessment_cannot_be_cancelled(northwind: Ashby, given: Any) -> None:
    """404, or 422 for what is no id."""
    content = json.dumps({"assessment_id": given}).encode()
    answer = await northwind.ats("assessment.cancel", content=content)
    assert answer.status_code in (404, 422)
    assert "assessment" in envelope(answer)


async def test_a_completed_assessment_cannot_be_cancelled(northwind: Ashby) -> None:
    """409 with the status."""
    assessment, order = await northwind.start()
    await northwind.give_result(order)
    answer = await northwind.ats("assessment.cancel", {"assessment_id": assessment})
    assert answer.status_code == 409
    assert "completed" in envelope(answer)


async def test_who_has_no_key_is_refused(northwind: Ashby) -> None:
    """A wrong key and a wrong tenant get the same 401."""
    wrong = await northwind.ats("assessment.list", token="gr_wrong")
    northwind.tenant = "other"
    elsewhere = await northwind.ats("assessment.list")
    assert (wrong.status_code, elsewhere.status_code) == (401, 401)
    assert envelope(wrong) == envelope(elsewhere)
    assert wrong.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "proctor/assessment.list"), ("POST", "proctor/assessment.lost"), ("POST", "x")]
)
async def test_what_is_no_call_is_refused(northwind: Ashby, method: str, path: str) -> None:
    """404 in Ashby's shape, with the calls there are."""
    answer = await northwind.house.client.request(method, f"/external-trigger/ashby/{path}")
    assert answer.status_code == 404
    assert "assessment.start" in envelope(answer)


@pytest.mark.parametrize(
    ("credentials", "problem"),
    [
        ({}, "credentials.api_key: required"),
        ({"api_key": ""}, "credentials.api_key: required"),
        ({"api_key": 5}, "credentials.api_key"),
        ({"apikey": "x"}, "Did you mean api_key?"),
    ],
)
async def test_wrong_credentials_are_refused(northwind: Ashby, credentials: dict[str, Any], problem: str) -> None:
    """422 with the field; nothing is linked."""
    body = {"provider": "ashby", "origin_owner_id": "2", "origin_owner_name": "Other", "credentials": credentials}
    answer = await northwind.api("POST", "/v1/accounts", json=body)
    assert answer.status_code == 422
    assert problem in answer.json()["message"]
    assert len((await northwind.api("GET", "/v1/accounts")).json()["data"]) == 1


async def test_an_account_without_a_key_says_so_and_takes_one_later(northwind: Ashby) -> None:
    """The customer makes the key after they have the token."""
    body = {"provider": "ashby", "origin_owner_id": "2", "origin_owner_name": "Other"}
    account = (await northwind.api("POST", "/v1/accounts", json=body)).json()
    northwind.account_id, northwind.token = account["id"], account["external_trigger_token"]
    _, order = await northwind.start()

    answer = await northwind.give_result(order)

    assert "api_key" in answer.json()["unified_warnings"][0]["message"]
    seen = await northwind.becomes(order, delivery="refused")
    assert "candidatesWrite" in seen["delivery_detail"]
    key = {"credentials": {"api_key": "later"}}
    assert (await northwind.api("PATCH", f"/accounts/{account['id']}", json=key)).status_code == 200
    (delivery,) = await northwind.settled(order)
    await northwind.api("POST", f"/v1/deliveries/{delivery['id']}/retry")
    await northwind.becomes(order, delivery="acknowledged")


async def test_the_fields_of_another_ats_are_unknown(northwind: Ashby) -> None:
    """Each provider has its own."""
    answer = await northwind.api("PUT", "/v1/integrations/ashby", json={"partner_username": "x"})
    assert answer.status_code == 422
    assert "partner_username: unknown field" in answer.json()["message"]
