"""The signed webhook request that delivers an event to a vendor."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from greenroom.context import Context
from greenroom.errors import GiveUp, RemoteError
from greenroom.model.deliveries import Claimed
from greenroom.model.events import TEST, body, test_payload
from greenroom.model.webhooks import Destination, Webhook
from greenroom.outbound import Answer, Outbound, Request, judge_webhook
from greenroom.security import masks
from greenroom.security.signatures import signing
from greenroom.services import checks, signed_webhooks, webhooks

#: seconds for one attempt, from connecting to the end of the answer; an ATS may call back before it answers
DEADLINE_S = 15.0


def webhook_request(claimed: Claimed, destination: Destination | None, *, now: Callable[[], datetime]) -> Request:
    """
    Returns the request of one attempt; the body is identical for every attempt of a delivery.

    The signature covers the time of sending, by `now`, so that the receiver can refuse a replay.

    Raises:
        GiveUp: the webhook was deleted meanwhile.
    """
    if destination is None:
        raise GiveUp("The webhook has been deleted.", kind="not_configured")
    webhook, secrets, custom = destination
    content = body(claimed.payload, claimed.event_name)
    sign = signing(event_id=claimed.event_id, body=content, secrets=secrets, now=now)
    return Request("POST", webhook.url, {"content-type": "application/json"}, content, sign, secret_headers=custom)


def judge(answer: Answer) -> None:
    """
    Accepts a 2xx answer and raises the retry policy of any other.

    Raises:
        TryLater: any answer but 2xx and 410; the receiver may be in the middle of a deployment.
        GiveUp: 410, with which the receiver asks never to be called again.
    """
    judge_webhook(answer)


@dataclass(frozen=True)
class Tried:
    """The exchange of a test event; `headers` are those of the request, without the values of custom ones."""

    request: Request
    headers: dict[str, str]
    request_body: str
    response: dict[str, Any] | None
    fault: RemoteError | None


async def try_out(ctx: Context, out: Outbound, project_id: str, webhook_id: str) -> Tried:
    """
    Sends a signed test event to a webhook now, outside the queue; records the outcome for the checks and the doctor.

    The webhook may be disabled and need not subscribe to the event.

    Raises:
        NotFound: the webhook is not the project's.
    """
    tried = await _try_out(ctx, out, await webhooks.get(ctx, project_id, webhook_id))
    await checks.record_webhook_test(ctx, project_id, webhook_id, tried.fault, tried.response)
    return tried


async def _try_out(ctx: Context, out: Outbound, webhook: Webhook) -> Tried:
    destination = await signed_webhooks.find(ctx, webhook.id)
    now = ctx.now()
    claimed = Claimed(
        id="", project_id=webhook.project_id, event_id=ctx.new_id("evt"), order_id=None, account_id=None, lane="vendor",
        destination_id=webhook.id, event_name=TEST, queue="hand", trigger="test", attempt=1, step=1, nudge_count=0,
        lease="", payload=json.dumps(test_payload(webhook.project_id, at=now)), created_at=now,
    )  # fmt: skip
    request = webhook_request(claimed, destination, now=ctx.now)
    custom = request.secret_headers
    try:
        answer = await out.send(request, deadline=DEADLINE_S)
    except RemoteError as error:
        return _tried(request, None, error)
    response = {
        "status": answer.status,
        "headers": {name: masks.values(value, custom) for name, value in answer.headers.items()},
        "body": masks.values(answer.body[:4096].decode(errors="replace"), custom),
        "ms": round(answer.duration_ms),
    }
    try:
        judge(answer)
    except RemoteError as error:
        return _tried(request, response, error)
    return _tried(request, response, None)


def _tried(request: Request, response: dict[str, Any] | None, fault: RemoteError | None) -> Tried:
    headers = {**masks.headers({}, secret=request.secret_headers), **request.headers}
    return Tried(request, headers, (request.body or b"").decode(), response, fault)
