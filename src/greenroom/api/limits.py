"""Middleware with limits for every request: body size, https, and the rate limit of the API key."""

from __future__ import annotations

from collections.abc import Container

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from greenroom.api.faults import render
from greenroom.api.rate_limit import RateLimit
from greenroom.errors import Forbidden, PayloadTooLarge, Refused
from greenroom.security.tokens import basic_user

#: limit of a request body, in bytes; `LARGER` has the paths with a higher limit
MOST_BYTES = 256 * 1024
LARGER = {"/v1/packages": 1024 * 1024}


class BodyLimit:
    """
    Middleware that refuses large bodies with 413 and plain http with 403.

    A body is counted while it is read, so a chunked one is refused at its path's limit too. A request that reached the
    proxy of an https gateway over plain http is not redirected: its API key has been sent in the clear already.
    """

    def __init__(self, app: ASGIApp, *, https_only: bool) -> None:
        self._app = app
        self._https_only = https_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if self._https_only and headers.get(b"x-forwarded-proto") == b"http":
            await _refuse(Forbidden("Use https."), scope, receive, send)
            return
        most = LARGER.get(scope["path"], MOST_BYTES)
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            await _refuse(_too_large(most), scope, receive, send)
            return
        await self._app(scope, _counting(receive, most), send)


def _counting(receive: Receive, most: int) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise _too_large(most)
        return message

    return counted


def _too_large(most: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is over {most // 1024} KiB, the limit of this path. Send less in one request.")


class KeyRateLimit:
    """
    Middleware that refuses requests of an API key with 429 once this process knows that its rate limit is reached.

    It neither reads the body nor queries the database, so that a flood of requests stays cheap. `free` are the paths
    that need no API key.
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
    await render(error)(scope, receive, send)
