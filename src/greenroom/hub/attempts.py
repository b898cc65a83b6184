"""`/hub/connection_attempts`: the state of a consent that the customer gives at the ATS, in a window of its own."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from greenroom.errors import BadRequest
from greenroom.hub.gate import TOKEN, Call, route
from greenroom.model.connection_attempts import ConnectionAttempt
from greenroom.services import connection_attempts


def routes() -> list[BaseRoute]:
    """Returns the routes of these paths."""
    return [
        route("/hub/connection_attempts", creates=True, post=create),
        route("/hub/connection_attempts/{id}", get=show, delete=cancel),
    ]


async def create(call: Call) -> dict[str, Any]:
    """Begins an attempt; the token in the body, if any, is the one of the header."""
    if call.body.get("token") not in (None, call.request.headers.get(TOKEN)):
        raise BadRequest(f"token: expected the token of the header {TOKEN}")
    return {"id": await connection_attempts.create(call.ctx, call.session)}


async def show(call: Call) -> dict[str, Any]:
    """Shows the state of an attempt."""
    return _shown(await connection_attempts.get(call.ctx, call.session, call.param("id")))


async def cancel(call: Call) -> dict[str, Any]:
    """Cancels an attempt; one that has ended stays as it is."""
    await connection_attempts.cancel(call.ctx, call.session, call.param("id"))
    return await show(call)


def _shown(attempt: ConnectionAttempt) -> dict[str, Any]:
    error = {"code": attempt.error_code, "description": attempt.error_description}
    return {
        "id": attempt.id,
        "status": attempt.status,
        "account": {"id": attempt.account_id} if attempt.account_id else None,
        "error": error if attempt.error_code else None,
    }
