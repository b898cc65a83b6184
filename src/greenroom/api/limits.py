"""What every request must keep, whoever sends it: a size, https where the gateway is public, its key's quota."""

from __future__ import annotations

from collections.abc import Container

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenroom.api.faults import refusal
from greenroom.api.rate_limit import RateLimit
from greenroom.errors import Forbidden, PayloadTooLarge, Refused
from greenroom.security.tokens import basic_user

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


class Quota:
    """
    Refuses a request with 429 whose API key is known to have made its requests of this minute, before its body is read
    and anything is looked up: a flood of them should cost its sender more than us, and no disk. `free` paths ask for no
    key.
    """

    def __init__(self, app: ASGIApp, *, free: Container[str]) -> None:
        self._app = app
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self._free:
            limit: RateLimit = scope["app"].state.rate_limit
            key = basic_user(Headers(scope=scope).get("authorization"))
            refused = limit.refuse(key) if key else None
            if refused is not None:
                scope["state"] |= {"project": refused.project, "unlisted": not refused.listed}
                await _refuse(refused.error, scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _refuse(error: Refused, scope: Scope, receive: Receive, send: Send) -> None:
    await refusal(Request(scope), error)(scope, receive, send)
