"""Error responses in one shape: StackOne's `statusCode`, `message`, `timestamp`, with optional details."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match

from greenroom.api.callers import get_context, get_project
from greenroom.errors import BadRequest, Invalid, Refused, SecretUnreadable, TooManyRequests
from greenroom.model.events import stamp
from greenroom.security.headers import missing
from greenroom.security.vault import VaultError

log = structlog.get_logger("greenroom.api")

#: response header with the request's id, which the gateway's log and the request log use as well
REQUEST_ID = "x-request-id"
#: limit of lines in `errors` of one response
MOST_LINES = 20
#: error codes whose cause has a page, by the code of the cause
CAUSES = {
    "ResultAlreadyRecorded": "result.second_update",
    "OtherCategory": "result.wrong_category",
    "NoWebhook": "webhook.none",
    "WebhookDisabled": "webhook.disabled",
    "AccountIntegrationInactiveError": "ats.integration_disabled",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
RETRY_AFTER: dict[str, Any] = {"description": "Whole seconds until you may come back.", "schema": {"type": "integer"}}


class ProviderFault(BaseModel):
    """A remote party's response; `raw` is its body if that is a JSON object. Credentials are never in it."""

    status: int | None = Field(None, examples=[500], description="The status of its answer.")
    url: str | None = Field(None, examples=["https://vendor.example.com/packages"], description="What was called.")
    raw: dict[str, Any] | None = Field(None, description="The body, if it was a JSON object.")
    headers: dict[str, str] | None = Field(
        None, examples=[{"content-type": "application/json"}], description="The headers of its answer."
    )


class Fault(BaseModel):
    """An error. `message` states the problem and the remedy; `errors` has a line per field, starting with its path."""

    statusCode: int = Field(examples=[422], description="The status once more.")  # noqa: N815 - the unified API's own spelling
    message: str = Field(
        examples=["score.value: expected a finite decimal number such as 82.5, not '85%'"],
        description="What is wrong, and what to do; for people.",
    )
    timestamp: str = Field(examples=["2026-11-24T10:15:00.000Z"], description="When.")
    errorCode: str | None = Field(None, examples=["ValidationError"], description="A stable word for programs.")  # noqa: N815
    errors: list[str] | None = Field(
        None,
        examples=[["score.value: expected a finite decimal number"]],
        description="A line for each field, its path in front.",
    )
    provider_errors: list[ProviderFault] | None = Field(
        None, description="The responses of remote parties that could not be used."
    )
    docs: str | None = Field(None, description="The page about the cause, where there is one.")


#: a reference to `Fault` in the OpenAPI document. Only each route's `default` names the model itself, since FastAPI
#: would build 350 more validators at each start if every error response named it
FAULT: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/Fault"}}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """
    Returns a route's `responses` for these error statuses, and `default` for those that any route can answer.

    A route that wants an API key (401) wants one with the scope for it (403), and counts its requests (429).
    """
    counted = (403, 429) if 401 in statuses else ()
    own: dict[int | str, dict[str, Any]] = {
        status: {"content": FAULT, "description": HTTPStatus(status).phrase} for status in (*statuses, *counted)
    }
    for status in own.keys() & {408, 429}:
        own[status]["headers"] = {"Retry-After": RETRY_AFTER}
    return {**own, "default": {"model": Fault, "description": "Any other refusal, such as 413, 431 or 503."}}


def render(error: Refused, *, public_url: str | None = None) -> Response:
    """Returns an error as a response; with `public_url`, it links to the page about its cause."""
    headers = {}
    if error.status == 401:
        headers["www-authenticate"] = 'Basic realm="Greenroom", charset="UTF-8"'
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    more: dict[str, Any] = {"errors": error.errors} if error.errors else {}
    if error.provider_errors:
        more["provider_errors"] = [
            {name: value for name, value in asdict(one).items() if value is not None} for one in error.provider_errors
        ]
    if public_url is not None and error.code in CAUSES:
        more["docs"] = f"{public_url}/docs/causes#{CAUSES[error.code]}"
    return _response(error.status, error.message, error.code, more, headers)


def _response(
    status: int,
    message: str,
    code: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    content: dict[str, Any] = {
        "statusCode": status,
        "message": message,
        "timestamp": stamp(datetime.now(UTC)),
        "errorCode": code,
        **(more or {}),
    }
    # a message may quote half a surrogate pair from the request, which UTF-8 cannot encode
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
    return Response(text, status_code=status, headers=headers, media_type="application/json")


def install(app: FastAPI) -> None:
    """Adds the exception handlers that render the errors of all routes, the ATS's calls included, in this shape."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return render(error, public_url=(await get_context(request)).settings.public_url)

    @app.exception_handler(VaultError)
    async def unreadable_secret(request: Request, error: VaultError) -> Response:
        request_id = str(getattr(request.state, "request_id", ""))
        log.error(
            "secret_unreadable", method=request.method, path=request.url.path, request_id=request_id, cause=str(error)
        )
        return render(SecretUnreadable())

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, error: RequestValidationError) -> Response:
        faults = error.errors()
        untyped = "json" not in request.headers.get("content-type", "")
        if untyped and any(tuple(fault["loc"]) == ("body",) for fault in faults):
            return render(BadRequest("Send the body as JSON, with the header Content-Type: application/json."))
        return render(_from_validation(faults))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return render(
            BadRequest("The body ended before it was complete.")
        )  # the client is gone: only the request log shows this

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, Refused):  # raised while FastAPI read the body
            return render(error.__cause__)
        if error.status_code in (404, 405) and (limited := await _count(request)):
            return render(limited)
        messages = {
            400: "The body is not JSON that can be read.",
            404: "There is nothing at this path.",
            405: f"{request.method} is not possible here.",
        }
        message = messages.get(error.status_code, str(error.detail))
        headers = {"allow": _allowed(request)} if error.status_code == 405 else error.headers
        return _response(error.status_code, message, _code(error.status_code), headers=headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # Starlette answers this outside of the middleware that adds the id and the security headers
        request_id = str(getattr(request.state, "request_id", ""))
        log.error(
            "request_failed_inside",
            method=request.method,
            path=request.url.path,
            request_id=request_id,
            exc_info=error,
        )
        message = "Greenroom failed on this request. The log has the details."
        response = _response(500, message, _code(500), headers={REQUEST_ID: request_id})
        https = (await get_context(request)).settings.is_https
        response.raw_headers.extend(missing(response.raw_headers, https=https))
        return response


async def _count(request: Request) -> TooManyRequests | None:
    """Counts a request without a matching route against its API key's rate limit; returns the 429 error, or None."""
    try:
        await get_project(request)
    except TooManyRequests as limited:
        return limited
    except Refused:  # without a valid key there is no rate limit to count against
        pass
    return None


def _allowed(request: Request) -> str:
    """Returns the methods of all routes that match the path; Starlette names only those of the first one."""

    def has(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return ", ".join(method for method in METHODS if has(method))


def _code(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _from_validation(faults: Sequence[Any]) -> Refused:
    """Returns 400 for unreadable JSON and invalid parameters, 422 for invalid field values."""
    if any(fault["type"] == "json_invalid" for fault in faults):
        return BadRequest("The body is not JSON.")
    lines = field_lines([{**fault, "loc": fault["loc"][1:]} for fault in faults[:MOST_LINES]])
    message = in_one(lines, len(faults))
    if all(fault["loc"][0] in ("query", "header", "path", "cookie") for fault in faults):
        return BadRequest(message, errors=lines)
    return Invalid(message, errors=lines)


def field_lines(faults: Sequence[Any]) -> list[str]:
    """Returns a line for each of pydantic's first 20 errors: the field's path and the expected value."""
    return list(dict.fromkeys(f"{_path(fault['loc'])}: {_describe_fault(fault)}" for fault in faults[:MOST_LINES]))


def in_one(lines: Sequence[str], found: int) -> str:
    """Returns the first five lines as one message, with the number of errors over the limit of 20."""
    text = "; ".join(line.removesuffix(".") for line in lines[:5])
    return f"{text}; and {found - MOST_LINES} more problems" if found > MOST_LINES else text


def _path(location: Sequence[Any]) -> str:
    return ".".join(str(part) for part in location) or "body"


def _describe_fault(fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    return {"missing": "required"}.get(fault["type"], message[:1].lower() + message[1:])
