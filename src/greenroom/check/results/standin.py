"""A stand-in for the gateway's API: judges results as the gateway does, and refuses some on purpose."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from greenroom.api.results import ResultIn, Unreadable, read_result
from greenroom.errors import Invalid
from greenroom.model.events import stamp
from greenroom.model.orders import Category
from greenroom.model.results import Result, difference

#: bytes of a request that are read
MAX_BODY = 1024 * 1024
#: requests that are kept; a client that sends more is in a loop
MOST_REQUESTS = 2000
#: seconds of the Retry-After header that is sent once
RETRY_AFTER_S = 1
#: the treatment of the first final result of an order
Fault = Literal["none", "unavailable", "limited", "lost"]


@dataclass(frozen=True)
class Received:
    """A request of the vendor's client: `order_id` when the path names an order, `result` when the body was valid."""

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    order_id: str | None = None
    content: Any = None
    problems: tuple[str, ...] = ()
    result: Result | None = None


@dataclass
class Placed:
    """An order that the kit placed: its fault, its model for clients that read it, and its accepted final result."""

    id: str
    fault: Fault
    model: Any = None
    final: Result | None = None
    is_pending: bool = True


@dataclass
class StandIn:
    """The API of a gateway with one account, which keeps every request."""

    api_key: str
    account_id: str
    category: Category
    allow_http: bool
    orders: dict[str, Placed] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> Starlette:
        """Returns the application; it answers any path."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(routes=[Route("/{path:path}", self._handle, methods=methods)])

    async def _handle(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return _error(413, "The body is larger than 1 MiB.")
        if self._is_authorized(request.headers.get("authorization", "")):
            other = self._other_call(request)
            if other is not None:
                return other
        order_id = self._order_id(request.url.path)
        read = self._read(request, order_id, body)
        status, message, headers = self._judge(request, order_id, read)
        if len(self.received) < MOST_REQUESTS:
            self.received.append(
                Received(
                    time.monotonic(),
                    request.method,
                    request.url.path,
                    dict(request.headers),
                    body,
                    status,
                    order_id,
                    **read,
                )
            )
        self.arrived.set()
        if status == 200:
            return JSONResponse({"statusCode": 200, "message": message, "timestamp": stamp(datetime.now(UTC))})
        return _error(status, message, list(read["problems"]), headers)

    def _other_call(self, request: Request) -> Response | None:
        """Returns the answer to a call that a client may make besides results: reading an order, or its progress."""
        for order in self.orders.values():
            call = request.method, request.url.path
            if call == ("GET", f"/unified/ats/{self.category}/orders/{order.id}"):
                return JSONResponse({"data": order.model})
            if call in (("GET", f"/v1/orders/{order.id}"), ("POST", f"/v1/orders/{order.id}/status")):
                return JSONResponse({"id": order.id, "account_id": self.account_id, "status": "accepted"})
        return None

    def _order_id(self, path: str) -> str | None:
        prefix = f"/unified/ats/{self.category}/orders/"
        order_id = path.removeprefix(prefix).removesuffix("/result")
        is_result = path.startswith(prefix) and path.endswith("/result")
        return order_id if is_result and order_id in self.orders else None

    def _read(self, request: Request, order_id: str | None, body: bytes) -> dict[str, Any]:
        """Returns the content of a result, its problems, and the result itself when there are none."""
        if order_id is None or request.method != "PATCH":
            return {"content": None, "problems": (), "result": None}
        try:
            content = json.loads(body.decode())
        except (ValueError, RecursionError):
            return {"content": None, "problems": ("the body is not JSON in UTF-8",), "result": None}
        try:
            result = read_result(ResultIn.model_validate(content), allow_http=self.allow_http)
        except ValidationError as error:
            return {"content": content, "problems": tuple(Unreadable(error).lines), "result": None}
        except Invalid as error:
            return {"content": content, "problems": (str(error),), "result": None}
        return {"content": content, "problems": (), "result": result}

    def _judge(
        self, request: Request, order_id: str | None, read: Mapping[str, Any]
    ) -> tuple[int, str, dict[str, str]]:
        if not self._is_authorized(request.headers.get("authorization", "")):
            return 401, "The API key is missing or wrong.", {}
        if order_id is None or request.headers.get("x-account-id") != self.account_id:
            return 404, "There is no such order for this account.", {}
        if request.method != "PATCH":
            return 405, "A result is sent by PATCH.", {}
        if read["problems"]:
            return 422, "; ".join(read["problems"])[:500], {}
        return self._accept(self.orders[order_id], read["result"])

    def _accept(self, order: Placed, result: Result) -> tuple[int, str, dict[str, str]]:
        if order.final is not None:
            field_name = difference(order.final, result)
            if field_name is None:
                order.is_pending = False
                return 200, "Record updated successfully.", {}
            return 409, f"The order has its final result already, which differs in {field_name}.", {}
        if not result.is_final:
            return 200, "Record updated successfully.", {}
        fault, order.fault = order.fault, "none"
        if fault == "unavailable":
            return 503, "Not available for a moment.", {}
        if fault == "limited":
            return 429, "Too many requests.", {"retry-after": str(RETRY_AFTER_S)}
        order.final = result
        if fault == "lost":
            return 502, "The answer was lost.", {}
        order.is_pending = False
        return 200, "Record updated successfully.", {}

    def _is_authorized(self, header: str) -> bool:
        kind, _, encoded = header.partition(" ")
        try:
            user = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
        except ValueError:
            return False
        return kind.lower() == "basic" and user == self.api_key


def _error(
    status: int, message: str, errors: list[str] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    content: dict[str, Any] = {"statusCode": status, "message": message, "timestamp": stamp(datetime.now(UTC))}
    return JSONResponse(content | ({"errors": errors} if errors else {}), status, headers)
