"""The bodies that Greenhouse sends.

Source: Greenhouse Assessment API, Send Test and Response Error.
"""

from __future__ import annotations

import json

from greenroom_sandbox.greenhouse.model.hiring import Candidate
from greenroom_sandbox.greenhouse.model.take_home import TakeHome
from greenroom_sandbox.model.wire import Variant, WireSettings
from greenroom_sandbox.wire.broken import JSON_VARIANTS, break_json


def profile_url(base: str, candidate_id: int, application_id: int) -> str:
    """Returns the URL of the candidate's page, in the documented shape."""
    return f"{base}/people/{candidate_id}?application_id={application_id}"


def callback_url(base: str, take_home_id: int) -> str:
    """Returns the URL of the completion call-back, in the documented shape."""
    return f"{base}/integrations/testing_partners/take_home_tests/{take_home_id}"


def send_test(
    test: TakeHome, candidate: Candidate, resume_url: str | None, base: str, settings: WireSettings
) -> dict[str, object]:
    """Returns the ``send_test`` body with every documented field.

    A field without a value is ``null``, never left out.
    """
    person: dict[str, object] = {"first_name": candidate.first_name, "last_name": candidate.last_name}
    if settings.send_preferred_name:
        person["preferred_name"] = candidate.preferred_name
    person |= {
        "resume_url": resume_url,
        "phone_number": candidate.phone_number,
        "email": test.to,
        "greenhouse_profile_url": profile_url(base, candidate.id, test.application_id),
    }
    body: dict[str, object] = {"partner_test_id": test_id(test.test_id, settings), "candidate": person}
    if settings.send_ids:
        as_sent = str if settings.id_type == "string" else int
        person["id"] = as_sent(candidate.id)
        body["application"] = {"id": as_sent(test.application_id)}
    if settings.send_sent_by:
        body["sent_by"] = test.sent_by
    if settings.callback_url == "top":
        body["url"] = test.url
    elif settings.callback_url == "candidate":
        person["url"] = test.url
    return body


def test_id(text: str, settings: WireSettings) -> str | int:
    """Returns a test id as it is sent.

    It is text, or with ``integer_test_ids`` a number if it consists of digits.
    """
    return int(text) if settings.integer_test_ids and text.isascii() and text.isdigit() else text


def response_error(call: str, errors: list[str], test: TakeHome | None, settings: WireSettings) -> dict[str, object]:
    """Returns the ``response_error`` body: the call, the errors, and every known id."""
    body: dict[str, object] = {"api_call": call, "errors": errors}
    if test is not None:
        body["partner_test_id"] = test_id(test.test_id, settings)
        body["partner_test_name"] = test.test_name
        if test.partner_interview_id is not None:
            body["partner_interview_id"] = test_id(test.partner_interview_id, settings)
        body["candidate_email"] = test.to
    return body


def break_send_test(body: dict[str, object], variant: Variant) -> bytes:
    """Returns a deliberately broken ``send_test`` body.

    Greenhouse never sends one, but a server must survive it.
    """
    if variant in JSON_VARIANTS:
        return break_json(json.dumps(body).encode(), variant)
    person = body["candidate"]
    assert isinstance(person, dict)  # noqa: S101 - built above, for the type checker
    if variant == "missing_email":
        del person["email"]
    elif variant == "null_email":
        person["email"] = None
    else:
        body.pop({"missing_candidate": "candidate", "missing_test": "partner_test_id"}.get(variant, "url"), None)
    return json.dumps(body, ensure_ascii=False).encode()
