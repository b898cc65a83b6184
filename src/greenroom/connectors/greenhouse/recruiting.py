"""Greenhouse's recruiting webhooks, which a customer's administrator configures: changes of candidates."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from greenroom.connectors.calls import read_json
from greenroom.connectors.greenhouse import wire
from greenroom.context import Context
from greenroom.errors import Unauthorized
from greenroom.model.ats_changes import AtsChange, ChangeKind
from greenroom.services import ats_changes, integrations

log = structlog.get_logger("greenroom.connectors")

PROVIDER = "greenhouse"
PATH = f"/external-trigger/{PROVIDER}/{{tenant}}/webhooks"
#: field of the integration with the secret of the signature
SECRET = "recruiting_webhook_secret"  # noqa: S105 - the name of a field
#: actions that concern orders; every other one is accepted and ignored
ACTIONS: dict[str, ChangeKind] = {
    "hire_candidate": "hired",
    "unhire_candidate": "unhired",
    "reject_candidate": "rejected",
    "unreject_candidate": "unrejected",
    "delete_application": "application_deleted",
    "delete_candidate": "candidate_deleted",
    "merge_candidate": "merged",
    "candidate_anonymized": "anonymised",
}
OF_APPLICATION = ("hired", "unhired", "rejected", "unrejected", "application_deleted")


class RecruitingWebhooks:
    """The endpoint of an integration's recruiting webhooks."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def routes(self) -> list[BaseRoute]:
        """Returns the route."""
        return [Route(PATH, self.receive, methods=["POST"], name=f"{PROVIDER}.webhooks")]

    async def receive(self, request: Request) -> Response:
        """
        Applies an event to the orders that it concerns.

        Greenhouse takes every answer but 200 as a failure and repeats the event, so an event that concerns no order is
        answered 200, too. The request log has no entry: the bodies have data of candidates without an order.
        """
        integration = await integrations.find_by_tenant(self._ctx, PROVIDER, request.path_params["tenant"])
        secret = integration.settings.get(SECRET) if integration else None
        if integration is None or not secret:
            raise Unauthorized("The signature is not valid.")
        content = await request.body()
        if not is_signed(content, request.headers.get("signature"), secret):
            raise Unauthorized("The signature is not valid.")
        change = read_change(await read_json(request))
        if change is None:
            return JSONResponse({"status": "ignored"})
        event_id = request.headers.get("greenhouse-event-id") or hashlib.sha256(content).hexdigest()
        ids = await ats_changes.apply(self._ctx, integration.project_id, PROVIDER, change, event_id)
        log.info("recruiting_webhook", project_id=integration.project_id, change=change.kind, order_ids=ids[:20])
        return JSONResponse({"status": "received"})


def is_signed(content: bytes, header: str | None, secret: str) -> bool:
    """
    Returns whether a body has the right signature: `sha256`, a space, and the HMAC of the raw bytes in hex.

    Source: Greenhouse webhooks, Authentication.
    """
    algorithm, _, given = (header or "").strip().partition(" ")
    expected = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()
    is_same = hmac.compare_digest(given.strip().lower().encode(), expected.encode())
    return is_same and algorithm.lower() == "sha256"


def read_change(body: object) -> AtsChange | None:
    """
    Returns the change in an event's body, or None for an event without one, such as a ping.

    Source: Greenhouse webhooks, Candidate and Application Events.
    """
    event: dict[str, Any] = body if isinstance(body, dict) else {}
    kind = ACTIONS.get(str(event.get("action")))
    payload = _object(event.get("payload"))
    application, person = _object(payload.get("application")), _object(payload.get("person"))
    if kind is None:
        return None
    if kind in OF_APPLICATION:
        given = _object(application.get("candidate")).get("id") or application.get("candidate_id")
    else:
        given = person.get("id") or payload.get("candidate_id") or _object(payload.get("candidate")).get("id")
    candidate_id, application_id = wire.read_id(given), wire.read_id(application.get("id"))
    new_id = wire.read_id(person.get("new_candidate_id") or payload.get("new_candidate_id"))
    is_usable = candidate_id and (application_id or kind not in OF_APPLICATION) and (new_id or kind != "merged")
    if candidate_id is None or not is_usable:
        log.warning("recruiting_webhook_without_ids", action=event["action"])
        return None
    return AtsChange(kind, candidate_id, application_id if kind in OF_APPLICATION else None, new_id)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
