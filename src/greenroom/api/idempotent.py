"""Routes whose POST supports `Idempotency-Key`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from greenroom.api.callers import KeyedRoute, get_context, get_project
from greenroom.api.faults import documented
from greenroom.errors import BadRequest
from greenroom.services import idempotency
from greenroom.services.idempotency import Kept

LONGEST_KEY = 255
PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request with the same key is done once, and answered the same. Kept for a week at least.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


class IdempotentRoute(KeyedRoute):
    """
    A keyed route that executes a POST once per `Idempotency-Key`.

    Repeats of the same request get the first successful response, with the header `Idempotent-Replayed: true`. A
    failed request releases the key.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **kwargs: Any) -> None:
        if "POST" in (kwargs.get("methods") or ()):
            kwargs["openapi_extra"] = {"parameters": [PARAMETER], **(kwargs.get("openapi_extra") or {})}
            kwargs["responses"] = {**documented(409), **(kwargs.get("responses") or {})}
        super().__init__(path, endpoint, **kwargs)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get("idempotency-key")
            if key is None or request.method != "POST":
                return await handler(request)
            if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
                raise BadRequest(f"Idempotency-Key: expected 1 to {LONGEST_KEY} printable characters")
            return await _once(request, key, handler)

        return once


async def _once(request: Request, key: str, handler: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    ctx, project = await get_context(request), await get_project(request)
    fingerprint_source = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    kept = await idempotency.begin(ctx, project.id, key, hashlib.sha256(fingerprint_source).hexdigest())
    if kept is not None:
        headers = {"idempotent-replayed": "true"}
        return Response(kept.body, kept.status, headers, media_type="application/json")
    try:
        response = await handler(request)
    except BaseException:
        await idempotency.delete(ctx, project.id, key)
        raise
    answer = Kept(response.status_code, bytes(response.body).decode())
    await idempotency.finish(ctx, project.id, key, answer, order_id=_get_order_id(request, answer))
    return response


def _get_order_id(request: Request, answer: Kept) -> str | None:
    """Returns the id of the order that a response contains: the order in the path, or that of the delivery."""
    shown = json.loads(answer.body) if answer.body else None
    return request.path_params.get("order_id") or (shown.get("order_id") if isinstance(shown, dict) else None)
