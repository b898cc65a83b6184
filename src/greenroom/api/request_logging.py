"""Middleware that gives every request an id and records it in the request log of its project."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenroom.api.faults import REQUEST_ID
from greenroom.context import Context
from greenroom.engine.request_log_writer import RequestLogWriter
from greenroom.errors import Refused
from greenroom.model.accounts import Account
from greenroom.model.projects import Project
from greenroom.model.request_logs import (
    KEPT,
    LogEntry,
    LoggedExchange,
    LoggedMessage,
    Operation,
    Source,
    get_listing,
    get_operation,
)
from greenroom.outbound import OutgoingCall, recording_calls
from greenroom.security.tokens import basic_user
from greenroom.services import projects

log = structlog.get_logger("greenroom.api")


class RequestLogMiddleware:
    """
    The outermost middleware: records each request in the request log.

    The entry is added before the last byte of the response is sent, so that a client which has the response finds the
    entry. `request.state.project` and `request.state.account` name the owner (see `api.callers`),
    `request.state.orders` the orders in the response, where `fields` may leave their ids out.

    Requests without a project and those with `request.state.unlisted` are not recorded. Bodies are streamed; their
    first bytes are kept only if GREENROOM_LOG_BODIES says so, and not for an account whose integration stores the
    minimum.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with recording_calls() as steps:
            record = _RequestRecord(scope, steps)
            try:
                await self._app(scope, record.wrap_receive(receive), record.wrap_send(send))
            except Exception:
                record.status = record.status or 500  # Starlette answers 500 outside of this middleware
                raise
            finally:
                await record.note()


class _Body:
    """The first bytes of a streamed body."""

    def __init__(self) -> None:
        self._first = bytearray()
        self._size = 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._first += chunk[: KEPT - len(self._first)]

    def to_message(self, headers: Sequence[tuple[bytes, bytes]]) -> LoggedMessage:
        named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        return LoggedMessage(named, bytes(self._first), self._size > KEPT)


class _RequestRecord:
    """The record of one request while it is being served."""

    def __init__(self, scope: Scope, steps: list[OutgoingCall]) -> None:
        self._scope = scope
        self._steps = steps
        self._ctx: Context = scope["app"].state.ctx
        self._log: RequestLogWriter = scope["app"].state.request_log
        self._bodies = self._ctx.settings.log_bodies
        self._state: dict[str, Any] = scope.setdefault("state", {})
        self._id = self._state["request_id"] = self._ctx.new_id("req")
        self._started_at, self._started = self._ctx.now(), time.monotonic()
        self._request_body, self._response_body = _Body(), _Body()
        self._headers: Sequence[tuple[bytes, bytes]] = ()
        self._noted = False
        self.status: int | None = None

    def wrap_receive(self, receive: Receive) -> Receive:
        if self._bodies == "off":
            return receive

        async def received() -> Message:
            message = await receive()
            self._request_body.add(message.get("body", b""))
            return message

        return received

    def wrap_send(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self._headers = [*message.get("headers", ()), (REQUEST_ID.encode(), self._id.encode())]
                message = {**message, "headers": self._headers}
            elif message["type"] == "http.response.body":
                if self._keeps_bodies(self.status):
                    self._response_body.add(message.get("body", b""))
                if not message.get("more_body", False):
                    await self.note()
            await send(message)

        return sending

    async def note(self) -> None:
        """Adds the request to the log, once. A defect in here must not cost the caller the response."""
        if self._noted:
            return
        self._noted = True
        try:
            await self._note()
        except Exception:
            log.exception("request_not_noted", request_id=self._id)

    async def _note(self) -> None:
        if self._state.get("unlisted"):
            return
        listed = get_listing(self._scope["path"])
        project, account = await self._project(), self._account()
        owner = account.project_id if account else project.id if project else None
        if listed is None or owner is None:
            return
        self._log.note(
            LogEntry(
                id=self._id,
                project_id=owner,
                account_id=account.id if account else self._scope.get("path_params", {}).get("account_id"),
                provider=account.provider if account else None,
                listed=listed,
                words=self._get_operation(),
                source=self._source(project),
                exchange=self._exchange(),
                steps=tuple(self._step(step) for step in self._steps),
                orders=tuple(self._state.get("orders", ())),
            )
        )

    def _keeps_bodies(self, status: int | None) -> bool:
        return self._bodies == "all" or (self._bodies == "errors" and (status is None or status >= 400))

    def _is_minimal(self) -> bool:
        account = self._account()
        return account is not None and account.store == "minimal"

    def _account(self) -> Account | None:
        return self._state.get("account")

    async def _project(self) -> Project | None:
        """
        Returns the caller's project.

        A request that middleware refused before the key was looked up (a declared body over the limit, plain http) is
        looked up here: these are the entries that a developer searches for.
        """
        project: Project | None = self._state.get("project")
        refused = self.status is not None and 400 <= self.status < 500 and self.status != 401
        if project is not None or self._account() is not None or not refused:
            return project
        key = basic_user(dict(self._scope["headers"]).get(b"authorization", b"").decode("latin-1"))
        try:
            return await projects.authenticate(self._ctx, key) if key else None
        except Refused:
            return None

    def _get_operation(self) -> Operation:
        if call := self._state.get("call"):
            return Operation(service="external-trigger", action=call)
        route = self._scope.get("route")
        return get_operation(self._scope["method"], route.path) if route else Operation()

    def _source(self, project: Project | None) -> Source:
        agent = next((value for name, value in self._scope["headers"] if name == b"user-agent"), None)
        return Source(
            type="API" if project else "ATS",
            id=project.key_id if project else None,
            value=None if agent is None else agent.decode("latin-1"),
            ip=(self._scope.get("client") or (None,))[0],
        )

    def _exchange(self) -> LoggedExchange:
        path = self._scope["raw_path"].decode("latin-1")
        query = self._scope["query_string"].decode("latin-1")
        kept = self._keeps_bodies(self.status) and not self._is_minimal()
        return LoggedExchange(
            method=self._scope["method"],
            url=f"{self._ctx.settings.public_url}{path}{'?' + query if query else ''}",
            started_at=self._started_at,
            duration_ms=round((time.monotonic() - self._started) * 1000),
            status=self.status,
            request=self._request_body.to_message(self._scope["headers"]) if kept else None,
            response=self._response_body.to_message(self._headers) if kept and self.status is not None else None,
        )

    def _step(self, step: OutgoingCall) -> LoggedExchange:
        kept = (self._keeps_bodies(self.status) or self._keeps_bodies(step.status)) and not self._is_minimal()
        request = LoggedMessage(
            step.request_headers, (step.request_body or b"")[:KEPT], len(step.request_body or b"") > KEPT
        )
        return LoggedExchange(
            method=step.method,
            url=step.url,
            started_at=step.started_at,
            duration_ms=round(step.duration_ms),
            status=step.status,
            error=step.error,
            request=request if kept else None,
            response=_response_message(step) if kept and step.status is not None else None,
        )


def _response_message(step: OutgoingCall) -> LoggedMessage:
    body = step.response_body
    return LoggedMessage(step.response_headers or {}, body[:KEPT], step.truncated or len(body) > KEPT)
