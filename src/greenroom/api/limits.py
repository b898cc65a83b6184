"""What every request must keep, whoever sends it: a size, and https where the gateway is public."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenroom.api.faults import refusal
from greenroom.errors import Forbidden, PayloadTooLarge, Refused

MOST_BYTES = 1024 * 1024


class BodyLimit:
    """
    Refuses a body over `most` bytes with 413 before anything reads it whole, declared or chunked, and a request that
    reached the proxy of an https gateway over plain http with 403 (never a redirect: the key is in it already).
    """

    def __init__(self, app: ASGIApp, *, most: int = MOST_BYTES, https_only: bool = False) -> None:
        self._app = app
        self._most = most
        self._https_only = https_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._https_only and headers.get(b"x-forwarded-proto") == b"http":
            await _refuse(Forbidden("Use https."), scope, receive, send)
            return
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._most:
            await _refuse(self._too_large(), scope, receive, send)
            return
        await self._app(scope, self._counting(receive), send)

    def _counting(self, receive: Receive) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(f"The body is over {self._most // 1024} KiB.")


async def _refuse(error: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    await refusal(Request(scope), error)(scope, receive, send)
