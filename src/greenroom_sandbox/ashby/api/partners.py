"""Ashby's API for partners: ``assessment.update`` and ``assessment.addCompletedToCandidate``.

Source: Ashby, Authentication, Errors and Assessments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from greenroom_sandbox.ashby import admin, assessments
from greenroom_sandbox.ashby.assessments import LogicalError
from greenroom_sandbox.ashby.model import ApiKey, Connection, make_uuid, parse_uuid
from greenroom_sandbox.ashby.state import ASHBY, Ashby
from greenroom_sandbox.ashby.updates import Findings, read_completed, read_update
from greenroom_sandbox.errors import NotFound
from greenroom_sandbox.http.incoming import Incoming
from greenroom_sandbox.wire import basic
from greenroom_sandbox.wire.strict_json import NotStrictJson, parse

routes = web.RouteTableDef()
#: length of the rate limit's window in seconds
WINDOW_S = 60


class CallerRefused(Exception):
    """The caller may not make this request, or not yet."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


Apply = Callable[[Ashby, Connection, dict[str, Any], Incoming], dict[str, Any]]


@routes.post("/ashby/api/assessment.update")
async def update(request: web.Request) -> web.StreamResponse:
    """Updates an assessment."""
    incoming = await Incoming.read(request, "assessment.update", ats="ashby", **await _about(request))
    return await _answer(request, incoming, _update)


@routes.post("/ashby/api/assessment.addCompletedToCandidate")
async def add_completed(request: web.Request) -> web.StreamResponse:
    """Adds a completed assessment to a candidate."""
    incoming = await Incoming.read(request, "assessment.addCompletedToCandidate", ats="ashby")
    return await _answer(request, incoming, _add_completed)


def _update(ashby: Ashby, connection: Connection, body: dict[str, Any], incoming: Incoming) -> dict[str, Any]:
    found = Findings()
    wanted = read_update(body, found)
    incoming.exchange.remarks += found.remarks
    if wanted is None:
        raise LogicalError("invalid_input", "; ".join(found.problems))
    incoming.exchange.remarks += assessments.receive_update(ashby, connection, wanted)
    return {"assessment_id": wanted.assessment_id}


def _add_completed(ashby: Ashby, connection: Connection, body: dict[str, Any], incoming: Incoming) -> dict[str, Any]:
    found = Findings()
    given = read_completed(body, found)
    incoming.exchange.remarks += found.remarks
    if given is None:
        raise LogicalError("invalid_input", "; ".join(found.problems))
    try:
        candidate_id = parse_uuid("candidate", given.candidate_id)
    except NotFound:
        candidate_id = 0
    added = assessments.receive_completed(ashby, connection, candidate_id, given)
    incoming.exchange.assessment_id = make_uuid("assessment", added.id)
    return {"assessmentId": given.assessment_id}


async def _about(request: web.Request) -> dict[str, Any]:
    """Returns the simulator's id of the assessment that a request is about, for faults and the traffic log."""
    ashby = request.app[ASHBY]
    try:
        body = parse(await request.read())
    except NotStrictJson:
        return {}
    wanted = body.get("assessment_id") if isinstance(body, dict) else None
    found = [one.id for one in ashby.assessments.all() if wanted and one.partner_assessment_id == wanted]
    return {"assessment_id": make_uuid("assessment", found[0])} if found else {}


async def _answer(request: web.Request, incoming: Incoming, apply: Apply) -> web.StreamResponse:
    """Authenticates, applies and answers; a logical error has status 200."""
    ashby = request.app[ASHBY]
    broken = await incoming.apply_faults()
    if broken is not None:
        return broken
    _note_headers(request, incoming)
    try:
        connection = ashby.connections.get(_authenticate(ashby, request).connection_id)
        if "logical_error" in incoming.matched:
            fault = incoming.matched["logical_error"]
            raise LogicalError(fault.code, fault.message)
        body = _parse(await request.read())
        results = apply(ashby, connection, body, incoming)
    except CallerRefused as error:
        return incoming.refuse(
            _failure(incoming, error.status, error.code, error.message, error.headers), error.message
        )
    except LogicalError as error:
        return incoming.refuse(_failure(incoming, 200, error.code, error.message), error.message)
    return incoming.answer(web.json_response({"success": True, "results": results}))


def _authenticate(ashby: Ashby, request: web.Request) -> ApiKey:
    """Returns the caller's API key. Raises: `CallerRefused`."""
    given = basic.parse_header(request.headers.get("authorization"))
    if given is None or not given[0]:
        raise CallerRefused(401, "unauthorized", "the API key is missing: send it as the user name of HTTP Basic")
    key = admin.find_api_key(ashby, given[0])
    if key is None or given[1]:
        raise CallerRefused(403, "forbidden", "the API key is not valid, or a password was sent with it")
    if not key.enabled:
        raise CallerRefused(403, "forbidden", "the API key is switched off")
    if admin.WRITE not in key.permissions:
        message = f"the API key does not have the permission {admin.WRITE}"
        raise CallerRefused(403, "missing_endpoint_permission", message)
    limit = ashby.kernel.settings.ashby_rate_limit
    counted = ashby.kernel.rate_limits.count(f"ashby {key.id}", limit, WINDOW_S, ashby.now())
    if not counted.allowed:
        wait = {"retry-after": str(counted.wait)}
        raise CallerRefused(429, "rate_limited", f"more than {limit} requests in a minute", wait)
    return key


def _note_headers(request: web.Request, incoming: Incoming) -> None:
    accept = request.headers.get("accept", "").replace(" ", "")
    if "version=1" not in accept:
        incoming.exchange.remarks.append("Accept is not application/json; version=1")
    if not request.headers.get("user-agent"):
        incoming.exchange.remarks.append("User-Agent is missing")
    if request.content_type != "application/json":
        incoming.exchange.remarks.append(f"the media type is {request.content_type}, not application/json")


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        body = parse(raw)
    except NotStrictJson as error:
        raise LogicalError("invalid_input", str(error)) from None
    if not isinstance(body, dict):
        raise LogicalError("invalid_input", "the body must be an object")
    return body


def _failure(
    incoming: Incoming, status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    """Returns Ashby's error shape; ``errors`` is its deprecated form."""
    request_id = f"request-{incoming.number}"
    info = {"code": code, "message": message, "requestId": request_id}
    body = {"success": False, "errors": [message], "errorInfo": info}
    return web.json_response(body, status=status, headers=headers)
