"""The request log: what was asked of the gateway, and what it asked of others meanwhile. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

#: how much of a body is kept, in bytes
KEPT = 16 * 1024

VERBS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}

#: the two lists: calls about an account's ATS, and everything else that a project can call
Listed = Literal["unified", "platform"]


@dataclass(frozen=True)
class LoggedMessage:
    """A request or an answer as it went over the wire: the first bytes of its body, and whether there were more."""

    headers: Mapping[str, str]
    body: bytes = b""
    cut: bool = False


@dataclass(frozen=True)
class LoggedExchange:
    """
    A request and its answer. `status` None: there was no answer, `error` says why where we know.

    The halves are there when headers and bodies are to be kept.
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
    """What a request was about, in the words of the API's paths."""

    service: str | None = None
    resource: str | None = None
    child_resource: str | None = None
    sub_resource: str | None = None
    action: str | None = None
    category: str | None = None


@dataclass(frozen=True)
class Source:
    """
    Who called: `API` with a project's key or `ATS` with an account's token. `id` is the key's, `value` the client's
    own name for itself (User-Agent), `ip` as far as the proxies in between can be trusted.
    """

    type: Literal["API", "ATS"]
    id: str | None = None
    value: str | None = None
    ip: str | None = None


@dataclass(frozen=True)
class LogEntry:
    """
    A request that was served, to be written down; `steps` are the calls that we made meanwhile, in their order.

    `orders` are those whose ids need not be in the URL or the bodies, though the answer shows them.
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
    A request on record, or one of its steps; a step's `request_id` is the request's, and its words are too.

    `duration` is in milliseconds. `detail` has the halves that were kept: `request` and `response`, each None or
    `headers` and `body`, credentials hidden.
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
    """The list that a path's requests are on; None: reading the log is not on record."""
    if path.startswith(("/unified/", "/external-trigger/")):
        return "unified"
    return None if path.startswith("/requests/") else "platform"


@lru_cache(maxsize=1024)
def get_operation(method: str, template: str) -> Operation:
    """
    A route's words: the fixed parts of its path in their order, the method as a verb.

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
