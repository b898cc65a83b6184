"""Ashby's calls to partners: assessment types, custom fields, start and cancel."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from greenroom_sandbox import faults
from greenroom_sandbox.ashby import replies
from greenroom_sandbox.ashby.model import Assessment, AssessmentType, Connection, CustomField, make_uuid
from greenroom_sandbox.ashby.state import Ashby
from greenroom_sandbox.model.wire import Exchange, FaultKind, WireCall
from greenroom_sandbox.outbound import WRONG_KEY, set_verdict
from greenroom_sandbox.wire.basic import key_header
from greenroom_sandbox.wire.broken import break_json
from greenroom_sandbox.wire.calls import Outcome

T = TypeVar("T")

#: shown when a partner's answer is unusable; Ashby's own words are not public
UNREACHABLE = "Ashby could not complete the request with {}. Please try again."
ALREADY_ASSESSED = "This candidate is already being assessed."


@dataclass
class CallResult(Generic[T]):
    """The result of a call.

    ``refused`` is true when the partner refused with a message of its own. ``reasons`` are details that the user does
    not see.
    """

    value: T | None = None
    message: str | None = None
    refused: bool = False
    reasons: list[str] = field(default_factory=list)
    exchange_id: int | None = None


async def list_types(ashby: Ashby, connection: Connection) -> CallResult[list[AssessmentType]]:
    """Calls ``assessment.list`` and stores the types on the integration."""
    outcome, exchange = await _call(ashby, "assessment.list", connection, b"{}", None)
    checked = replies.check_list(outcome.body, ashby.kernel.settings.ashby_uuid_ids)
    result = _conclude(ashby, connection, outcome, exchange, checked)
    if result.value is not None:
        changes = {"assessment_types": result.value, "refreshed_at": ashby.now()}
        ashby.connections.save(ashby.connections.get(connection.id).model_copy(update=changes))
    return result


async def fetch_fields(ashby: Ashby, connection: Connection, call: WireCall) -> CallResult[list[CustomField]]:
    """Calls ``customFields.fetch``, or by its older name, and stores the fields on the integration."""
    outcome, exchange = await _call(ashby, call, connection, b"{}", None)
    result = _conclude(ashby, connection, outcome, exchange, replies.check_fields(call, outcome.body))
    if result.value is not None:
        changes = {"custom_fields": result.value, "synced_at": ashby.now()}
        ashby.connections.save(ashby.connections.get(connection.id).model_copy(update=changes))
    return result


async def start(ashby: Ashby, connection: Connection, assessment: Assessment) -> CallResult[replies.Accepted]:
    """Calls ``assessment.start``.

    Status 409 and 422 are refusals, whose text the user sees.
    """
    outcome, exchange = await _send_start(ashby, connection, assessment)
    if outcome.status == 409:
        return _refuse(ashby, exchange, ALREADY_ASSESSED)
    if outcome.status == 422:
        refusal = replies.read_refusal_message(outcome.body)
        if refusal.value is not None:
            return _refuse(ashby, exchange, refusal.value)
        outcome.failure = outcome.rule = None
        return _conclude(ashby, connection, outcome, exchange, refusal)
    checked = replies.check_accepted("assessment.start", outcome.body, ashby.kernel.settings.ashby_uuid_ids)
    if checked.value is not None and ashby.find_assessment(connection, checked.value.assessment_id) is not None:
        checked.add_problem("assessment_id", "results.assessment_id is that of another assessment")
        checked.value = None
    return _conclude(ashby, connection, outcome, exchange, checked)


async def _send_start(ashby: Ashby, connection: Connection, assessment: Assessment) -> tuple[Outcome, Exchange]:
    """Makes the call, twice with the `duplicate` fault, and returns the outcome that counts."""
    about = make_uuid("assessment", assessment.id)
    matched = faults.match(ashby.kernel, "assessment.start", ("malformed", "duplicate"), assessment_id=about)
    raw = json.dumps(build_start(ashby, assessment), ensure_ascii=False).encode()
    if "malformed" in matched:
        raw = break_json(raw, matched["malformed"].variant)

    async def call() -> tuple[Outcome, Exchange]:
        return await _call(ashby, "assessment.start", connection, raw, about, matched)

    if "duplicate" not in matched:
        return await call()
    if matched["duplicate"].seconds:
        first = await call()
        await asyncio.sleep(matched["duplicate"].seconds)
        second = await call()
    else:
        first, second = await asyncio.gather(call(), call())
        if first[0].status == 409:  # the partner handled the other call first
            first, second = second, first
    _log_second(ashby, connection, first[0], *second)
    return first


async def cancel(ashby: Ashby, connection: Connection, assessment: Assessment) -> CallResult[replies.Accepted]:
    """Calls ``assessment.cancel``."""
    about, partner_assessment_id = make_uuid("assessment", assessment.id), assessment.partner_assessment_id
    raw = json.dumps({"assessment_id": partner_assessment_id}).encode()
    outcome, exchange = await _call(ashby, "assessment.cancel", connection, raw, about)
    checked = replies.check_accepted("assessment.cancel", outcome.body, uuid_ids=False)
    if checked.value is not None and checked.value.assessment_id != partner_assessment_id:
        checked.add_problem("assessment_id", "results.assessment_id is not that of the call")
        checked.value = None
    return _conclude(ashby, connection, outcome, exchange, checked)


def build_start(ashby: Ashby, assessment: Assessment) -> dict[str, Any]:
    """Returns the body of ``assessment.start``. Source: Ashby, assessment.start."""
    application = ashby.applications.get(assessment.application_id or 0)
    candidate, job = ashby.candidates.get(assessment.candidate_id), ashby.jobs.get(application.job_id)
    candidate_id, job_id = make_uuid("candidate", candidate.id), make_uuid("job", job.id)
    team = [(member, ashby.users.get(member.user_id)) for member in job.hiring_team]
    body: dict[str, Any] = {
        "assessment_type_id": assessment.type_id,
        "candidate": {
            "ashby_id": candidate_id,
            "first_name": candidate.first_name,
            "last_name": candidate.last_name,
            "email": candidate.email,
            "ashby_profile_url": f"{ashby.public_url}/candidates/{candidate_id}",
        },
        "application": {"ashby_id": make_uuid("application", application.id), "status": application.status},
        "job": {
            "ashby_id": job_id,
            "name": job.name,
            "ashby_job_url": f"{ashby.public_url}/jobs/{job_id}",
            "hiringTeam": [
                {
                    "email": user.email,
                    "firstName": user.first_name,
                    "lastName": user.last_name,
                    "role": member.role,
                    "userId": make_uuid("user", user.id),
                }
                for member, user in team
            ],
        },
    }
    if job.req_id is not None:
        body["job"]["req_id"] = job.req_id
    if assessment.additional_fields:
        body["additional_fields"] = assessment.additional_fields
    return body


async def _call(
    ashby: Ashby,
    name: WireCall,
    connection: Connection,
    body: bytes,
    assessment_id: str | None,
    matched: dict[FaultKind, Any] | None = None,
) -> tuple[Outcome, Exchange]:
    """Makes a call; ``matched`` are the faults that have changed the body already."""
    kinds = faults.match(ashby.kernel, name, faults.OUTBOUND_KINDS, assessment_id=assessment_id)
    key = WRONG_KEY if "wrong_credentials" in kinds else connection.key or ""
    headers = {"Authorization": key_header(key), "Accept": "application/json", "Content-Type": "application/json"}
    url = f"{ashby.partners.get(connection.partner_id).base_url}/{name}"
    outcome, exchange = await ashby.outbound.request(name, "POST", url, headers, body, kinds)
    exchange.assessment_id = assessment_id
    exchange.fault = ",".join(sorted({*kinds, *(matched or ())})) or None
    return outcome, exchange


def _conclude(
    ashby: Ashby, connection: Connection, outcome: Outcome, exchange: Exchange, checked: replies.Reply[Any]
) -> CallResult[Any]:
    """Logs a call with its verdict and returns its result."""
    if outcome.failure is None and checked.refusal is not None:
        return _refuse(ashby, exchange, checked.refusal)
    set_verdict(exchange, outcome, checked)
    logged = ashby.kernel.log_exchange(exchange)
    if exchange.verdict == "ok":
        return CallResult(checked.value, exchange_id=logged.id)
    message = UNREACHABLE.format(ashby.partners.get(connection.partner_id).name)
    return CallResult(None, message, reasons=exchange.problems, exchange_id=logged.id)


def _refuse(ashby: Ashby, exchange: Exchange, message: str) -> CallResult[Any]:
    exchange.verdict, exchange.problems = "refused", [message]
    logged = ashby.kernel.log_exchange(exchange)
    return CallResult(None, message, refused=True, reasons=[message], exchange_id=logged.id)


def _log_second(ashby: Ashby, connection: Connection, first: Outcome, second: Outcome, exchange: Exchange) -> None:
    """Logs the second of two equal calls, which should be answered 409 or with the first one's id."""
    if second.status == 409:
        _refuse(ashby, exchange, ALREADY_ASSESSED)
        return
    checked = replies.check_accepted("assessment.start", second.body, ashby.kernel.settings.ashby_uuid_ids)
    other = replies.check_accepted("assessment.start", first.body, ashby.kernel.settings.ashby_uuid_ids)
    if checked.value and other.value and checked.value.assessment_id != other.value.assessment_id:
        exchange.remarks.append(f"the same assessment.start got another assessment_id: {checked.value.assessment_id}")
    _conclude(ashby, connection, second, exchange, checked)
