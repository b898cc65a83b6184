"""Ashby's calls in JSON, and the model. Pure: no clock, no network, no database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from greenroom.connectors.ashby import ids
from greenroom.connectors.bodies import EMAIL, read_text
from greenroom.errors import BadRequest, Invalid
from greenroom.model.orders import Candidate, OrderRequest, digest
from greenroom.model.packages import Package

#: members of a hiring team that are read
MOST_MEMBERS = 200

#: Ashby's type of a custom field for each type of a question
TYPES = {
    "text": "String",
    "long_text": "LongText",
    "number": "Number",
    "boolean": "Boolean",
    "date": "Date",
    "email": "Email",
    "phone": "Phone",
    "url": "Url",
    "select": "ValueSelect",
    "multi_select": "MultiValueSelect",
}


def assessment_list(packages: Iterable[Package]) -> dict[str, Any]:
    """
    Returns the answer to assessment.list.

    Source: Ashby OpenAPI, assessment.list.
    """
    results = [
        {
            "assessment_type_id": ids.assessment_type_id(package.id),
            "name": package.name,
            "description": package.description or "",
        }
        for package in packages
    ]
    return {"success": True, "results": results}


def custom_fields(questions: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """
    Returns the answer to customFields.fetch: under `fields`, unlike any other call.

    Source: Ashby OpenAPI, customFields.fetch; the older document calls it assessment.customField.list.
    """
    fields = []
    for question in questions:
        field = {
            "id": question["id"],
            "name": question["label"],
            "type": TYPES[question["type"]],
            "isRequired": question["required"],
        }
        if question["options"]:
            field["possible_values"] = [{"key": one["value"], "value": one["label"]} for one in question["options"]]
        fields.append(field)
    return {"success": True, "fields": fields}


def started(order_id: str) -> dict[str, Any]:
    """Returns the answer to assessment.start and assessment.cancel."""
    return {"success": True, "results": {"assessment_id": ids.assessment_id(order_id)}}


def read_object(body: object) -> dict[str, Any]:
    """
    Returns the body of a call.

    Raises:
        BadRequest: the body is not an object.
    """
    if not isinstance(body, dict):
        raise BadRequest("Expected a JSON object.")
    return body


def cancelled_order(body: object) -> str:
    """
    Returns the assessment id in a body of assessment.cancel.

    Raises:
        BadRequest: the body is not an object.
        Invalid: there is no assessment id.
    """
    faults: list[str] = []
    found = read_text(read_object(body), "assessment_id", faults, required=True)
    if faults or found is None:
        raise Invalid("The assessment cannot be cancelled: " + "; ".join(faults), errors=faults)
    return found


def start_request(body: object) -> OrderRequest:
    """
    Returns the order request in a body of assessment.start; its `package_id` is still Ashby's assessment_type_id.

    Source: Ashby OpenAPI, assessment.start.

    Raises:
        BadRequest: the body is not an object.
        Invalid: names each field that is not acceptable.
    """
    asked, faults = read_object(body), list[str]()
    type_id = read_text(asked, "assessment_type_id", faults, required=True)
    person = _part(asked, "candidate", faults)
    names = ("ashby_id", "first_name", "last_name", "email", "ashby_profile_url")
    candidate = {name: read_text(person, name, faults, path="candidate.", required=True) for name in names}
    if candidate["email"] and not EMAIL.fullmatch(candidate["email"]):
        faults.append("candidate.email: expected an e-mail address")
    application = _part(asked, "application", faults)
    application_id = read_text(application, "ashby_id", faults, path="application.", required=True)
    read_text(application, "status", faults, path="application.", required=True)
    job = _job(_part(asked, "job", faults), faults)
    answers = asked.get("additional_fields")
    if answers is not None and not isinstance(answers, dict):
        faults.append("additional_fields: expected an object")
    if faults:
        raise Invalid("The assessment cannot be started: " + "; ".join(faults), errors=faults)
    return OrderRequest(
        package_id=str(type_id),
        candidate=Candidate(
            email=str(candidate["email"]),
            first_name=candidate["first_name"],
            last_name=candidate["last_name"],
            profile_url=candidate["ashby_profile_url"],
            remote_id=candidate["ashby_id"],
        ),
        dedupe_key=f"open:{digest(application_id, candidate['ashby_id'], str(type_id).lower())}",
        one_at_a_time=True,
        application_remote_id=application_id,
        job=job,
        passthrough={"additional_fields": answers} if answers else None,
        raw=asked,
    )


def _part(body: dict[str, Any], name: str, faults: list[str]) -> dict[str, Any]:
    part = body.get(name)
    if isinstance(part, dict):
        return part
    faults.append(f"{name}: expected an object")
    return {}


def _job(job: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    if not job:
        return {}
    job_id = read_text(job, "ashby_id", faults, path="job.", required=True)
    title = read_text(job, "name", faults, path="job.", required=True)
    read_text(job, "ashby_job_url", faults, path="job.", required=True)
    read_text(job, "req_id", faults, path="job.")
    team = job.get("hiringTeam")
    if team is not None and not (isinstance(team, list) and all(isinstance(one, dict) for one in team)):
        faults.append("job.hiringTeam: expected an array of objects")
        team = None
    members = [_member(one, f"job.hiringTeam[{number}].", faults) for number, one in enumerate(team or ())]
    return {"id": job_id, "title": title, "hiring_team": members[:MOST_MEMBERS] if team is not None else None}


def _member(member: dict[str, Any], path: str, faults: list[str]) -> dict[str, Any]:
    names = ("userId", "firstName", "lastName", "email", "role")
    user_id, first, last, email, role = (read_text(member, name, faults, path=path) for name in names)
    return {
        "user_id": user_id,
        "remote_user_id": user_id,
        "first_name": first,
        "last_name": last,
        "email": email,
        "role": role,
    }
