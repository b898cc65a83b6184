"""
`/requests`: the request log, in StackOne's shape.

Source: StackOne's published OpenAPI document (request logs), and the requests of its official TypeScript client.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from greenroom.api.callers import Caller, Ctx, KeyedRoute, Log
from greenroom.api.faults import documented
from greenroom.api.shapes import MOST, Instant, Page, Plain, after, page
from greenroom.errors import BadRequest
from greenroom.model.events import stamp
from greenroom.model.request_logs import Entry
from greenroom.services import request_logs
from greenroom.services.request_logs import LogQuery

router = APIRouter(prefix="/requests", tags=["Request logs"], route_class=KeyedRoute)

A = TypeVar("A", bound="StepsAsked")
#: limit of values per filter
MOST_VALUES = 100


def _blank(value: object) -> object:
    return None if value in ("", "null") else value


def _few(text: str | None) -> str | None:
    if text is not None and text.count(",") >= MOST_VALUES:
        raise ValueError(f"expected at most {MOST_VALUES} values")
    return text


def _statuses(text: str | None) -> str | None:
    for part in split(text):
        if not (part.isascii() and part.isdigit() and len(part) == 3):
            raise ValueError(f"expected status codes such as 404, separated by commas, not {part[:20]!r}")
    return text


def split(text: str | None) -> list[str]:
    """Returns the values of a comma-separated filter."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


Several = Annotated[Plain | None, AfterValidator(_few), Field(description="Several are separated by commas.")]
Moment = Annotated[
    Instant,
    BeforeValidator(_blank, json_schema_input_type=AwareDatetime | Literal["", "null"] | None),
    Field(description="An ISO 8601 time with a zone."),
]
Stamp = Annotated[str, BeforeValidator(stamp)]


class StepsAsked(BaseModel):
    """Filters of steps; each one is also accepted as `filter[name]`."""

    account_ids: Several = None
    actions: Several = None
    child_resources: Several = None
    end_date: Moment = None
    http_methods: Several = None
    order_by: Literal["provider", "service", "status", "eventDatetime", "duration"] = Field(
        "eventDatetime", description="What to sort by."
    )
    order_direction: Literal["asc", "desc"] = Field("desc", description="Which way to sort.")
    providers: Several = None
    request_ids: Several = None
    resources: Several = None
    services: Several = None
    start_date: Moment = None
    status_codes: Annotated[Several, AfterValidator(_statuses)] = None
    sub_resources: Several = None
    success: Annotated[
        bool | None, BeforeValidator(_blank, json_schema_input_type=bool | Literal["", "null"] | None)
    ] = Field(None, description="True: requests with a status below 400 alone; false: the others.")
    page_size: Annotated[int, Field(ge=1, le=MOST, description="Entries a page.")] = 25
    next: Annotated[str | None, Field(description="Cursor: the `next` of the page before.")] = None


class PlatformLogsAsked(StepsAsked):
    """Filters of platform requests."""

    categories: Several = None
    source_ids: Several = None
    source_types: Several = None
    source_values: Several = None


class LogsAsked(PlatformLogsAsked):
    """Filters of unified requests, and whether to include their steps."""

    include: Annotated[
        Literal["step_logs"] | None,
        BeforeValidator(_blank, json_schema_input_type=Literal["step_logs", "", "null"] | None),
    ] = Field(None, description="`step_logs` adds the calls that each request made.")


#: query parameters that are not filters
APART = {"page_size", "next", "include"}


def read_query(request: Request, plain: A) -> A:
    """
    Returns the filters of a request.

    Two forms are in use: `filter[account_ids]=a,b`, which is documented and takes precedence, and `account_ids=a,b`,
    which the official TypeScript client sends.

    Raises:
        BadRequest: a filter is unknown.
        RequestValidationError: the value of a filter is invalid.
    """
    if _blank(request.query_params.get("filter", "")) is not None:
        raise BadRequest("filter: expected filter[name]=value", errors=["filter: expected filter[name]=value"])
    bracketed = {
        name.removeprefix("filter[").removesuffix("]"): value
        for name, value in request.query_params.items()
        if name.startswith("filter[") and name.endswith("]")
    }
    known = type(plain).model_fields.keys() - APART
    for name in bracketed:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.4)
            hint = f"Did you mean filter[{near[0]}]?" if near else f"Known: {', '.join(sorted(known))}."
            raise BadRequest(f"filter[{name[:60]}]: not a filter. {hint}", errors=[f"filter[{name[:60]}]: unknown"])
    try:
        return type(plain).model_validate({**plain.model_dump(), **bracketed})
    except ValidationError as error:
        faults = [{**fault, "loc": ("query", f"filter[{fault['loc'][0]}]")} for fault in error.errors()]
        raise RequestValidationError(faults) from None


def _filter_parameter(model: type[StepsAsked]) -> dict[str, Any]:
    """Returns the documented form of a list's filters, for the OpenAPI document."""
    fields = model.model_json_schema()["properties"]
    return {
        "parameters": [
            {
                "name": "filter",
                "in": "query",
                "style": "deepObject",
                "explode": True,
                "description": "Every filter in its documented form, `filter[name]`; it wins over the plain one.",
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {name: fields[name] for name in sorted(fields.keys() - APART)},
                },
            }
        ]
    }


class UrlOut(BaseModel):
    """The parts of a URL."""

    url: str = Field(description="The whole URL.")
    hostname: str | None = Field(description="Its host.")
    path: str = Field(description="Its path.")
    query_params: dict[str, str] = Field(description="Its query.")


class RequestOut(BaseModel):
    """A request; `headers` and `body` are null if they were not kept. Credentials are masked."""

    id: str = Field(description="The request's id.")
    method: str = Field(description="The method.")
    url: UrlOut
    headers: dict[str, str] | None = Field(description="The headers, without credentials.")
    body: Any = Field(description="The body.")


class ResponseOut(BaseModel):
    """A response; `headers` and `body` are null if they were not kept. Credentials are masked."""

    status_code: int | None = Field(description="The status; null without an answer.")
    headers: dict[str, str] | None = Field(description="The headers.")
    body: Any = Field(description="The body.")
    custom_mapping_errors: None = Field(None, description="Always null.")
    provider_errors: None = Field(None, description="Always null.")


class _Called(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    request_id: str = Field(description="The id in `x-request-id`.")
    account_id: str | None = Field(description="The account that it was about.")
    project_id: str = Field(description="Your project.")
    http_method: str = Field(description="The method.")
    path: str = Field(description="The path.")
    url: str = Field(description="The URL.")
    status: int | None = Field(description="Null if the request ended without a response.")
    success: bool = Field(description="A status below 400.")
    start_time: Stamp = Field(description="When it began.")
    end_time: Stamp = Field(description="When it was answered.")
    duration: int = Field(description="In milliseconds.")
    resource: str | None = Field(description="Such as `packages`.")
    child_resource: str | None = Field(description="The resource below.")
    sub_resource: str | None = Field(description="The resource below that.")
    action: str | None = Field(description="Such as `list`.")


class _Request(_Called):
    event_datetime: Stamp = Field(description="When it began.")
    source_type: str | None = Field(description="API: called with an API key; ATS: with an account's token.")
    source_id: str | None = Field(description="The API key's id, as `greenroom keys list` shows it.")
    source_value: str | None = Field(description="The client's User-Agent.")
    source_ip: str | None = Field(description="Where it came from.")


class StepLog(_Called):
    """An outgoing call made while serving a request; its resource and action are those of the request."""

    id: str = Field(description="The step's id.")
    provider: str | None = Field(description="The ATS.")
    service: str | None = Field(description="What was called.")
    is_worker: bool = Field(False, description="Always false.")
    error: str | None = Field(description="The reason why there was no response.")
    request: RequestOut | None = Field(None, description="What was sent.")
    response: ResponseOut | None = Field(None, description="What came back.")


class RequestLogEntry(_Request):
    """A call to the unified API, or one by an ATS."""

    provider: str | None = Field(description="The ATS.")
    service: str | None = Field(description="The API's name.")
    is_worker: bool = Field(False, description="Always false.")
    step_requests: list[StepLog] | None = Field(None, description="Null unless included.")


class RequestLogDetail(RequestLogEntry):
    """A request with the included details."""

    request: RequestOut | None = Field(None, description="Null unless advanced_logs are included.")
    response: ResponseOut | None = Field(None, description="Null unless advanced_logs are included.")


class PlatformLogEntry(_Request):
    """Any other call of the project."""

    category: str | None = Field(description="management for /v1, platform for the rest.")


class LogResult(BaseModel):
    """One request."""

    data: RequestLogDetail


@router.get(
    "/logs",
    operation_id="list_request_logs",
    responses=documented(400, 401),
    openapi_extra=_filter_parameter(LogsAsked),
)
async def list_logs(
    ctx: Ctx, project: Caller, log: Log, request: Request, plain: Annotated[LogsAsked, Query()]
) -> Page[RequestLogEntry]:
    """Calls to the unified API and calls by an ATS, newest first."""
    asked = read_query(request, plain)
    await log.flush()
    wanted = _to_query(asked)
    found = await request_logs.list_requests(ctx, project.id, "unified", wanted, steps=asked.include is not None)
    return page([RequestLogEntry.model_validate(one) for one in found], asked.page_size, [one.id for one in found])


@router.get(
    "/logs/steps",
    operation_id="list_request_log_steps",
    responses=documented(400, 401),
    openapi_extra=_filter_parameter(StepsAsked),
)
async def list_steps(
    ctx: Ctx, project: Caller, log: Log, request: Request, plain: Annotated[StepsAsked, Query()]
) -> Page[StepLog]:
    """Calls that we made while serving the project's requests, newest first."""
    asked = read_query(request, plain)
    await log.flush()
    found = await request_logs.list_steps(ctx, project.id, _to_query(asked))
    return page([StepLog.model_validate(one) for one in found], asked.page_size, [one.id for one in found])


@router.get("/logs/{id}", operation_id="get_request_log", responses=documented(400, 401, 404))
async def get_log(
    ctx: Ctx,
    project: Caller,
    log: Log,
    request_id: Annotated[Plain, Path(alias="id", description="The `x-request-id` of an answer.")],
    include: Annotated[
        Literal["step_logs", "advanced_logs"] | None,
        BeforeValidator(_blank),
        Query(description="advanced_logs: also the steps, and the headers and bodies that were kept."),
    ] = None,
) -> LogResult:
    """One request, whichever list it is on."""
    await log.flush()
    found = await request_logs.get(ctx, project.id, request_id, details=include == "advanced_logs")
    shown = RequestLogDetail.model_validate(found)
    if include is None:
        shown.step_requests = None
    if include == "advanced_logs":
        shown.request, shown.response = _get_messages(found)
        for step, entry in zip(shown.step_requests or (), found.step_requests or (), strict=True):
            step.request, step.response = _get_messages(entry)
    return LogResult(data=shown)


@router.get(
    "/platform-logs",
    operation_id="list_platform_logs",
    responses=documented(400, 401),
    openapi_extra=_filter_parameter(PlatformLogsAsked),
)
async def list_platform_logs(
    ctx: Ctx, project: Caller, log: Log, request: Request, plain: Annotated[PlatformLogsAsked, Query()]
) -> Page[PlatformLogEntry]:
    """The project's other calls, newest first; reading the log is not among them."""
    asked = read_query(request, plain)
    await log.flush()
    found = await request_logs.list_requests(ctx, project.id, "platform", _to_query(asked))
    return page([PlatformLogEntry.model_validate(one) for one in found], asked.page_size, [one.id for one in found])


def _to_query(asked: StepsAsked) -> LogQuery:
    filters: dict[str, Sequence[Any] | bool | datetime | None] = {}
    for name, value in asked.model_dump(exclude={"order_by", "order_direction", *APART}).items():
        filters[name] = split(value) if isinstance(value, str) else value
    filters["http_methods"] = [method.upper() for method in split(asked.http_methods)]
    filters["status_codes"] = [int(status) for status in split(asked.status_codes)]
    return LogQuery(
        filters,
        order=asked.order_by,
        descending=asked.order_direction == "desc",
        after=after(asked.next, "req"),
        limit=asked.page_size + 1,
    )


def _get_messages(entry: Entry) -> tuple[RequestOut, ResponseOut]:
    """Returns request and response of an entry, with the headers and bodies that were kept."""
    kept = entry.detail or {}
    request, response = kept.get("request") or {}, kept.get("response") or {}
    asked = RequestOut(
        id=entry.id,
        method=entry.http_method,
        url=_url(entry.url, entry.path),
        headers=request.get("headers"),
        body=request.get("body"),
    )
    answered = ResponseOut(status_code=entry.status, headers=response.get("headers"), body=response.get("body"))
    return asked, answered


def _url(url: str, path: str) -> UrlOut:
    try:
        parts = urlsplit(url)
    except ValueError:  # the step failed because of its invalid URL
        return UrlOut(url=url, hostname=None, path=path, query_params={})
    return UrlOut(url=url, hostname=parts.hostname, path=path, query_params=dict(parse_qsl(parts.query)))
