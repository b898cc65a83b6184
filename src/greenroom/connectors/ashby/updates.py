"""
Updates for Ashby: the bodies of assessment.update and assessment.addCompletedToCandidate.

Every status, result, URL, reason and metadata item is an object {identifier, label, description?, type, value};
identifiers are unique within an update.
Source: Ashby OpenAPI, assessment.update and assessment.addCompletedToCandidate.
"""

from __future__ import annotations

from typing import Any, Literal

from greenroom.connectors.ashby import ids
from greenroom.connectors.contract import Update
from greenroom.errors import GiveUp
from greenroom.model.orders import Order
from greenroom.model.results import Result, score_number

Type = Literal["numeric_score", "numeric_duration_minutes", "url", "string", "boolean_success"]
Item = dict[str, Any]

#: the text of a status; Ashby stamps the start of an assessment at "Started"
STATUSES = {"accepted": "Accepted", "invited": "Invited", "in_progress": "Started"}
#: the reason of an order that ended without a result that Ashby could show
REASONS = {"rejected": "Rejected by the vendor", "cancelled": "Cancelled by the vendor", "expired": "Expired"}


def assessment_update(order: Order, update: Update) -> dict[str, Any]:
    """
    Returns the body of assessment.update.

    A result completes the assessment, a `cancelled_reason` cancels it; anything else is a status.

    Raises:
        GiveUp: the order has no result any more.
    """
    body: dict[str, Any] = {"assessment_id": ids.assessment_id(order.id), "timestamp": update.at_ms}
    if update.status in STATUSES:
        status = _item("status", "Status", "string", STATUSES[update.status], update.message)
        return {**body, "assessment_status": status, "metadata": []}
    result = order.result
    if update.status in REASONS:
        reason = update.message or (result and result.summary) or REASONS[update.status]
        url = {"assessment_profile_url": _profile(result)} if result else {}
        label = REASONS[update.status]
        return {**body, "cancelled_reason": _item("reason", label, "string", reason), **url, "metadata": []}
    if result is None:
        raise GiveUp("The order has no result to send.", kind="not_configured")
    return {
        **body,
        "assessment_status": _item("status", "Status", "string", "Completed"),
        "assessment_profile_url": _profile(result),
        "assessment_result": result_item(result),
        "metadata": metadata(result),
    }


def completed_to_candidate(order: Order, update: Update, partner_id: str) -> dict[str, Any]:
    """
    Returns the body of assessment.addCompletedToCandidate, for a result without an order.

    Raises:
        GiveUp: the order has no result any more.
    """
    if order.result is None:
        raise GiveUp("The order has no result to send.", kind="not_configured")
    return {
        "candidateId": order.request.candidate.remote_id,
        "partnerId": partner_id,
        "assessment": {
            "assessmentTypeId": ids.assessment_type_id(order.request.package_id),
            "assessmentId": ids.assessment_id(order.id),
            "assessmentName": order.package_name or order.request.package_id,
            "result": result_item(order.result),
            "metadata": [_profile(order.result), *metadata(order.result)],
        },
        "timestamp": update.at_ms,
    }


def result_item(result: Result) -> Item:
    """Returns what Ashby shows as the result: the score, else whether the candidate passed, else a word."""
    if result.score.value is not None:
        return _item("score", result.score.label or "Score", "numeric_score", score_number(result.score.value))
    if result.outcome in ("passed", "failed"):
        return _item("outcome", "Passed", "boolean_success", result.outcome == "passed")
    return _item("outcome", "Outcome", "string", "Needs review" if result.outcome == "needs_review" else "Completed")


def metadata(result: Result) -> list[Item]:
    """Returns what Ashby shows besides the result, in order."""
    score = result.score
    found: list[Item] = []
    if score.value is not None and result.outcome in ("passed", "failed"):
        found.append(_item("outcome", "Passed", "boolean_success", result.outcome == "passed"))
    if score.value is not None and result.outcome == "needs_review":
        found.append(_item("outcome", "Outcome", "string", "Needs review"))
    if result.summary:
        found.append(_item("summary", "Summary", "string", result.summary))
    if score.value is None and score.label:
        found.append(_item("score_label", "Score Label", "string", score.label))
    for identifier, label, value in (
        ("score_min", "Lowest Score", score.min),
        ("score_max", "Highest Score", score.max),
    ):
        if value is not None:
            found.append(_item(identifier, label, "numeric_score", score_number(value)))
    minutes = duration_minutes(result)
    if minutes is not None:
        found.append(_item("duration", "Duration", "numeric_duration_minutes", minutes))
    for number, attachment in enumerate(result.attachments, start=1):
        if attachment.get("url"):
            found.append(_item(f"attachment_{number}", f"Attachment {number}", "url", attachment["url"]))
    return found


def duration_minutes(result: Result) -> int | None:
    """Returns the whole minutes from start to submission; None when they are not known."""
    if result.start_date is None or result.submission_date is None or result.submission_date < result.start_date:
        return None
    return round((result.submission_date - result.start_date).total_seconds() / 60)


def _profile(result: Result) -> Item:
    return _item("profile_url", "Full Report", "url", result.result_url)


def _item(identifier: str, label: str, type_: Type, value: object, description: str | None = None) -> Item:
    described = {"description": description} if description else {}
    return {"identifier": identifier, "label": label, **described, "type": type_, "value": value}
