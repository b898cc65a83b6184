"""The request log: requests to the gateway, and the outbound calls made while serving them. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

#: bytes of a body that are kept
KEPT = 16 * 1024

VERBS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}

#: the two lists: requests about an account's ATS, and all other requests of a project
Listed = Literal["unified", "platform"]


@dataclass(frozen=True)
class LoggedMessage:
    """A request or an answer: its headers and the first bytes of its body; `cut` means that the body was longer."""

    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False


@dataclass(frozen=True)
class LoggedExchange:
    """
    A request and its answer. `status` None means no answer; `error` says why if that is known.

    `request` and `response` are set if headers and bodies are kept.
    """

    method: str
    url: str
    started_at: datetime
    duration_ms: int
    status: int | None = None
    error: str | None = None
    request: LoggedMessage | None = None
    response: LoggedMessage | None = None


@dataclass(frozen=True)
class Operation:
    """The operation of a request, named after the parts of the API's paths."""

    service: str | None = None
    resource: str | None = None
    child_resource: str | None = None
    sub_resource: str | None = None
    action: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Source:
    """
    The caller of a request: `API` with a project's key or `ATS` with an account's token.

    `id` is the key's, `value` the client's User-Agent, `ip` the client's address according to the trusted proxies.
    """

    type: Literal["API", "ATS"]
    id: str | None = None
    value: str | None = None
    ip: str | None = None


@dataclass(frozen=True)
class LogEntry:
    """
    A served request that is not stored yet; `steps` are the outbound calls made meanwhile, in their order.

    `orders` are ids of orders that the answer shows, even if the URL and the bodies do not contain the ids.
    """

    id: str
    project_id: str
    account_id: str | None
    provider: str | None
    listed: Listed
    words: Operation
    source: Source
    exchange: LoggedExchange
    steps: tuple[LoggedExchange, ...] = ()
    orders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """
    A stored request, or one of its steps, which has the `request_id` and the operation of its request.

    `duration` is in milliseconds. `detail` has `request` and `response`, each None or an object with `headers` and
    `body`, with credentials hidden.
    """

    id: str
    request_id: str
    project_id: str
    account_id: str | None
    provider: str | None
    service: str | None
    resource: str | None
    child_resource: str | None
    sub_resource: str | None
    action: str | None
    http_method: str
    path: str
    url: str
    status: int | None
    start_time: datetime
    duration: int
    category: str | None = None
    source_type: str | None = None
    source_value: str | None = None
    source_id: str | None = None
    source_ip: str | None = None
    error: str | None = None
    detail: Mapping[str, Any] | None = None
    step_requests: tuple[Entry, ...] | None = None

    @property
    def event_datetime(self) -> datetime:
        return self.start_time

    @property
    def end_time(self) -> datetime:
        return self.start_time + timedelta(milliseconds=self.duration)

    @property
    def success(self) -> bool:
        return self.status is not None and self.status < 400


def get_listing(path: str) -> Listed | None:
    """Returns the list of a path's requests; None for paths of the request log itself, which is not logged."""
    if path.startswith(("/unified/", "/external-trigger/")):
        return "unified"
    return None if path.startswith("/requests/") else "platform"


@lru_cache(maxsize=1024)
def get_operation(method: str, template: str) -> Operation:
    """
    Returns a route's operation: the fixed parts of its path in their order, and the method as a verb.

    `/unified/{service}/{resource}/{child}/{sub}`, `/v1/{resource}/…` and `/{resource}/…`; a GET is `get` when the path
    ends in an id, else `list`.
    """
    first, *fixed = [part for part in template.split("/") if part and not part.startswith("{")] or [""]
    service, category = None, None
    if first == "unified":
        service, *fixed = fixed or [""]
    elif first == "v1":
        category = "management"
    else:
        category, fixed = "platform", [first, *fixed]
    resource, child, sub = (*fixed, None, None, None)[:3]
    reading = "get" if template.endswith("}") else "list"
    return Operation(service, resource, child, sub, VERBS.get(method, reading), category)
