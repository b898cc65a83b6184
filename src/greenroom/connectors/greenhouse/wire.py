"""Greenhouse's JSON and the model. Pure: no clock, no network, no database."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from greenroom.connectors.bodies import EMAIL, LONGEST, is_storable, read_text
from greenroom.connectors.contract import ResultField
from greenroom.errors import BadRequest, Invalid
from greenroom.model.orders import Candidate, Order, OrderRequest, digest
from greenroom.model.packages import Package
from greenroom.model.results import Result, score_number
from greenroom.services.reports import Report

#: the recruiter's text for a final outcome; "completed" has none, since it says no more than the score
OUTCOMES = {"passed": "Passed", "failed": "Failed", "expired": "Expired", "cancelled": "Cancelled"}

#: the fields of a result in test_status; Greenhouse's partner API has no place for others
RESULT_FIELDS = (
    ResultField("result_url", "string", required=True),
    ResultField("score.value", "string"),
    ResultField("score.label", "string"),
    ResultField("score.min", "string"),
    ResultField("score.max", "string"),
    ResultField("start_date", "datetime"),
    ResultField("submission_date", "datetime"),
    ResultField("summary", "string"),
    ResultField("result.value", "enum", values={**OUTCOMES, "completed": "complete"}),
)


def list_tests(packages: Iterable[Package]) -> list[dict[str, str]]:
    """
    Returns the answer to list_tests.

    A bare array of `partner_test_id` and `partner_test_name`, both text.
    Source: Greenhouse Assessment API, List Tests.
    """
    return [{"partner_test_id": package.id, "partner_test_name": package.name} for package in packages]


def order_request(body: object) -> OrderRequest:
    """
    Returns the order request in a send_test body.

    Required: `partner_test_id` (text, or a number as in the older docs) and `candidate.email`. Everything else may be
    null or missing. `url` is also read from inside `candidate`, where the docs of 2019 show it; missing ids are read
    from the profile URL. Unknown fields are kept in the raw record.
    Source: Greenhouse Assessment API, Send Test.

    Raises:
        BadRequest: the body is not an object.
        Invalid: names each field that is not acceptable.
    """
    if not isinstance(body, dict):
        raise BadRequest("Expected a JSON object as in Greenhouse's Send Test.")
    faults: list[str] = []
    person = body.get("candidate")
    if not isinstance(person, dict):
        faults.append("candidate: expected an object")
        person = {}
    package_id = read_text(body, "partner_test_id", faults, required=True)
    email = read_text(person, "email", faults, path="candidate.", required=True)
    if email and not EMAIL.fullmatch(email):
        faults.append("candidate.email: expected an e-mail address")
    names = ("first_name", "last_name", "preferred_name", "phone_number", "resume_url", "greenhouse_profile_url")
    known = {name: read_text(person, name, faults, path="candidate.") for name in names}
    requester = read_text(body, "sent_by", faults)
    url = read_text(body, "url", faults) or read_text(person, "url", faults, path="candidate.")
    if faults:
        raise Invalid("The test cannot be sent: " + "; ".join(faults), errors=faults)
    profile_url = known.pop("greenhouse_profile_url")
    candidate_id, application_id = _ids(body, person, profile_url)
    return OrderRequest(
        package_id=str(package_id),
        candidate=Candidate(email=str(email), **known, profile_url=profile_url, remote_id=candidate_id),
        dedupe_key=_trailing_id(url),
        application_remote_id=application_id,
        requester_email=requester,
        callback_url=url,
        raw=body,
        fingerprint="" if url else digest(body),
    )


def _trailing_id(url: str | None) -> str | None:
    """
    Returns Greenhouse's id of the order: the take-home test's id.

    It ends the path of the callback URL.
    """
    tail = urlsplit(url).path.rstrip("/").rpartition("/")[2] if url and _splits(url) else ""
    return tail[:200] or (url[:500] if url else None)


def _splits(url: str) -> bool:
    try:
        urlsplit(url)
    except ValueError:
        return False
    return True


def _ids(body: dict[str, Any], person: dict[str, Any], profile_url: str | None) -> tuple[str | None, str | None]:
    """
    Returns the ids of the candidate and of the application.

    They are in the body since 2025, else in the profile URL, else unknown.
    """
    application = body.get("application")
    given = (person.get("id"), application.get("id") if isinstance(application, dict) else None)
    from_url = _ids_of_profile(profile_url)
    return read_id(given[0]) or from_url[0], read_id(given[1]) or from_url[1]


def read_id(value: object) -> str | None:
    """Returns an id, a number or a text, as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value) if 0 < len(str(value)) <= LONGEST and is_storable(str(value)) else None


def _ids_of_profile(url: str | None) -> tuple[str | None, str | None]:
    if not url or not _splits(url):
        return None, None
    parts = urlsplit(url)
    person = re.search(r"/people/(\d+)(?:/|$)", parts.path)
    application = parse_qs(parts.query).get("application_id", [""])[0]
    return (person[1] if person else None), (application if application.isdecimal() else None)


def query_values(query: str) -> tuple[str | None, str | None]:
    """
    Returns `tenant-id` and `partner_interview_id` from a raw query string.

    Each is None when it is missing or blank. How Greenhouse joins its parameter to a URL that has a query already is
    not documented: any order is read, and a second `?` where `&` belongs, even when it was encoded into the tenant's
    value.
    """
    values = parse_qs(query.replace("?", "&"))
    tenant, _, swallowed = values.get("tenant-id", [""])[0].partition("?")
    interviews = values.get("partner_interview_id") or parse_qs(swallowed).get("partner_interview_id") or [""]
    return tenant or None, interviews[0].strip() or None


def report(body: object) -> Report:
    """
    Returns the report in a response_error body, whatever its shape.

    Source: Greenhouse Assessment API, response_error; shapes seen beyond the documented one are kept as they are.
    """
    plain: dict[str, Any] = body if isinstance(body, dict) else {}
    return Report(
        order_id=plain.get("partner_interview_id"),
        call=plain.get("api_call", "unknown"),
        errors=plain.get("errors", plain.get("error", body)),
        candidate_email=plain.get("candidate_email"),
        body=body,
    )


def test_sent(order_id: str) -> dict[str, Any]:
    """Returns the answer to send_test."""
    return {"partner_interview_id": order_id}


def test_status(order: Order) -> dict[str, Any]:
    """
    Returns the answer to test_status.

    Greenhouse reads it after a push and at each poll. Shape: `partner_status` is "complete" or the order's own status,
    or a word of its own once the content was erased; when complete also `partner_profile_url` and, if there is one,
    `partner_score` (a JSON number) and flat `metadata` in the order the recruiter sees it.
    Source: Greenhouse Assessment API, Test Status.
    """
    if order.erased_at is not None:
        return {"partner_status": "erased"}
    if order.result is None:
        return {"partner_status": order.status}
    answer: dict[str, Any] = {"partner_status": "complete", "partner_profile_url": order.result.result_url}
    if order.result.score.value is not None:
        answer["partner_score"] = score_number(order.result.score.value)
    metadata = metadata_rows(order.result)
    if metadata:
        answer["metadata"] = metadata
    return answer


def metadata_rows(result: Result) -> dict[str, str]:
    """
    Returns the labels and values of the interview kit, in order.

    Rows without a value in the result are left out.
    """
    score = result.score
    rows = {
        "Started At": _when(result.start_date),
        "Completed At": _when(result.submission_date),
        "Notes": result.summary,
        "Outcome": OUTCOMES.get(str(result.verdict)) or ("Needs review" if result.outcome == "needs_review" else None),
        "Score Label": score.label,
        "Score Range": score_range(score.min, score.max),
    }
    return {label: value for label, value in rows.items() if value}


def score_range(low: str | None, high: str | None) -> str | None:
    """Returns the text for both ends of a range, or for the one that is known."""
    if low is not None and high is not None:
        return f"{low} to {high}"
    if high is not None:
        return f"up to {high}"
    return f"from {low}" if low is not None else None


def _when(at: datetime | None) -> str | None:
    """
    Returns a time as Greenhouse's own example shows it: `10:15 AM 26 March 2014 UTC`.

    Greenhouse prints the text unchanged.
    """
    if at is None:
        return None
    utc = at.astimezone(UTC)
    return f"{utc:%I:%M %p} {utc.day} {utc:%B %Y} UTC"
