"""A recruiter's assessments: start, updates by the partner, cancel."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from greenroom_sandbox.ashby import partner_calls
from greenroom_sandbox.ashby.model import OPEN_STATES, Assessment, Connection, CustomField, Partner, Update
from greenroom_sandbox.ashby.state import Ashby
from greenroom_sandbox.ashby.updates import Completed
from greenroom_sandbox.errors import Conflict, Refused

#: the status with which Ashby stamps the start; Source: Ashby, assessment.update
STARTED = "Started"


@dataclass(frozen=True)
class StartRequest:
    """The form *Start Assessment*; None stands for the organization's first user."""

    partner_id: int
    type_id: str
    additional_fields: dict[str, Any] = field(default_factory=dict)
    user_id: int | None = None


class LogicalError(Exception):
    """A refused request of a partner: status 200 with ``success: false``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def get_integration(ashby: Ashby, organization_id: int, partner_id: int) -> tuple[Connection, Partner]:
    """Returns a usable integration. Raises: `Conflict` when the customer has not enabled the partner."""
    partner = ashby.partners.get(partner_id)
    connection = ashby.find_connection(organization_id, partner_id)
    if connection is None or not connection.usable:
        raise Conflict(f"{partner.name} is not enabled for this customer", "partner_id")
    return connection, partner


async def open_dialog(ashby: Ashby, application_id: int, partner_id: int) -> dict[str, Any]:
    """Opens *Start Assessment*, which calls the partner's ``assessment.list``."""
    application = ashby.applications.get(application_id)
    organization_id = ashby.candidates.get(application.candidate_id).organization_id
    connection, _ = get_integration(ashby, organization_id, partner_id)
    result = await partner_calls.list_types(ashby, connection)
    types = [one.model_dump() for one in result.value or []]
    fields = [one.model_dump() for one in ashby.connections.get(connection.id).custom_fields]
    return {**describe(result), "assessment_types": types, "fields": fields}


def describe(result: partner_calls.CallResult[Any]) -> dict[str, Any]:
    """Returns the result of a call as the API shows it."""
    return {
        "ok": result.message is None,
        "message": result.message,
        "reasons": result.reasons,
        "exchange_id": result.exchange_id,
    }


async def start(ashby: Ashby, application_id: int, wanted: StartRequest) -> tuple[dict[str, Any], Assessment]:
    """Starts an assessment.

    A failed or refused call to the partner is part of the answer, not an exception.
    """
    application = ashby.applications.get(application_id)
    candidate = ashby.candidates.get(application.candidate_id)
    connection, partner = get_integration(ashby, candidate.organization_id, wanted.partner_id)
    user_id = _sender(ashby, candidate.organization_id, wanted.user_id)
    _check_fields(connection.custom_fields, wanted.additional_fields)
    names = {one.assessment_type_id: one.name for one in connection.assessment_types}
    assessment = ashby.assessments.save(
        Assessment(
            id=ashby.assessments.next_id(),
            organization_id=candidate.organization_id,
            partner_id=partner.id,
            candidate_id=candidate.id,
            application_id=application.id,
            user_id=user_id,
            type_id=wanted.type_id,
            type_name=names.get(wanted.type_id, wanted.type_id),
            additional_fields=wanted.additional_fields,
        )
    )
    result = await partner_calls.start(ashby, connection, assessment)
    assessment = ashby.assessments.get(assessment.id)
    assessment.exchange_id = result.exchange_id
    if result.value is None:
        assessment.state = "refused" if result.refused else "failed"
        assessment.message = result.message
    else:
        assessment.state, assessment.sent_at = "sent", ashby.now()
        assessment.partner_assessment_id = result.value.assessment_id
        if result.value.update is not None:
            apply_update(ashby, assessment, result.value.update)
    return describe(result), ashby.assessments.save(assessment)


def _sender(ashby: Ashby, organization_id: int, user_id: int | None) -> int | None:
    colleagues = [user.id for user in ashby.users.all() if user.organization_id == organization_id]
    if user_id is not None and user_id not in colleagues:
        raise Refused("must work at the candidate's organization", "user_id")
    return user_id if user_id is not None else next(iter(colleagues), None)


def _check_fields(fields: list[CustomField], given: dict[str, Any]) -> None:
    known = {one.id: one for one in fields}
    for name in given:
        if name not in known:
            raise Refused(f"has no custom field {name[:100]!r}", "additional_fields")
    for one in fields:
        value = given.get(one.id)
        if one.required and value in (None, "", []):
            raise Refused(f"must have the field {one.name}, which is required", "additional_fields")
        keys = {choice.key for choice in one.possible_values}
        if keys and value is not None and not keys.issuperset(value if isinstance(value, list) else [str(value)]):
            raise Refused(f"has a value of {one.name} that is none of its choices", "additional_fields")


def apply_update(ashby: Ashby, assessment: Assessment, update: Update) -> list[str]:
    """Applies a partner's update and returns remarks.

    Raises: `LogicalError` for a timestamp that is not newer, and after a cancellation.
    """
    if assessment.timestamp is not None and update.timestamp <= assessment.timestamp:
        known = f"{assessment.timestamp}, the timestamp of the last update"
        raise LogicalError("timestamp_not_newer", f"timestamp {update.timestamp} is not newer than {known}")
    if assessment.state == "cancelled":
        raise LogicalError("assessment_cancelled", "the assessment was cancelled")
    assessment.timestamp, assessment.update_count = update.timestamp, assessment.update_count + 1
    if update.assessment_status is not None:
        assessment.status = update.assessment_status
    if update.assessment_profile_url is not None:
        assessment.profile_url = update.assessment_profile_url
    if update.metadata:
        assessment.metadata = update.metadata
    remarks = _change_state(ashby, assessment, update)
    ashby.assessments.save(assessment)
    return remarks


def _change_state(ashby: Ashby, assessment: Assessment, update: Update) -> list[str]:
    now = ashby.now()
    if update.assessment_status is not None and update.assessment_status.value == STARTED:
        assessment.started_at = assessment.started_at or now
    if update.cancelled_reason is not None:
        assessment.state, assessment.ended_at = "cancelled", now
        assessment.cancelled_reason = update.cancelled_reason
    elif update.assessment_result is not None:
        assessment.state, assessment.ended_at = "completed", now
        assessment.result = update.assessment_result
    elif assessment.state == "completed":
        return ["a status without a result came after the result; the assessment stays completed"]
    elif assessment.started_at is not None:
        assessment.state = "started"
    return []


def receive_update(ashby: Ashby, connection: Connection, update: Update) -> list[str]:
    """Applies ``assessment.update`` and returns remarks. Raises: `LogicalError`."""
    assessment = ashby.find_assessment(connection, update.assessment_id)
    if assessment is None:
        raise LogicalError("assessment_not_found", f"there is no assessment {update.assessment_id[:100]!r}")
    return apply_update(ashby, assessment.model_copy(), update)


def receive_completed(ashby: Ashby, connection: Connection, candidate_id: int, given: Completed) -> Assessment:
    """Adds a result that no recruiter ordered. Raises: `LogicalError`.

    The same ``assessmentId`` again is a newer version of the same result.
    """
    if given.partner_id != ashby.partners.get(connection.partner_id).partner_id:
        raise LogicalError("partner_not_found", "partnerId is not the id of the partner that has this API key")
    candidate = ashby.candidates.find(candidate_id)
    if candidate is None or candidate.organization_id != connection.organization_id:
        raise LogicalError("candidate_not_found", f"there is no candidate {given.candidate_id[:100]!r}")
    assessment = ashby.find_assessment(connection, given.assessment_id)
    if assessment is not None and assessment.candidate_id != candidate.id:
        raise LogicalError("invalid_input", "assessment.assessmentId is that of another candidate's assessment")
    assessment = assessment.model_copy() if assessment else Assessment(
        id=ashby.assessments.next_id(),
        organization_id=connection.organization_id,
        partner_id=connection.partner_id,
        candidate_id=candidate.id,
        type_id=given.type_id,
        type_name=given.name,
        partner_assessment_id=given.assessment_id,
    )  # fmt: skip
    update = Update(
        assessment_id=given.assessment_id,
        timestamp=given.timestamp,
        assessment_result=given.result,
        metadata=given.metadata,
    )
    apply_update(ashby, assessment, update)
    return assessment


async def cancel(ashby: Ashby, assessment_id: int) -> tuple[dict[str, Any], Assessment]:
    """Cancels an assessment at the partner. Raises: `Conflict` when it cannot be cancelled."""
    assessment = ashby.assessments.get(assessment_id)
    if assessment.state not in OPEN_STATES:
        raise Conflict(f"the assessment is {assessment.state}")
    connection, partner = get_integration(ashby, assessment.organization_id, assessment.partner_id)
    if not partner.cancel:
        raise Conflict(f"{partner.name} does not support cancelling")
    result = await partner_calls.cancel(ashby, connection, assessment)
    assessment = ashby.assessments.get(assessment_id).model_copy()
    if result.value is None:
        assessment.message = result.message
    else:
        if result.value.update is not None:
            with suppress(LogicalError):  # a stale update does not undo the cancellation
                apply_update(ashby, assessment, result.value.update)
        assessment.state, assessment.cancelled_by_recruiter, assessment.message = "cancelled", True, None
        assessment.ended_at = ashby.now()
    return describe(result), ashby.assessments.save(assessment)
