"""The push of an update to Ashby, and the judgement of the answer."""

from __future__ import annotations

import base64
import json
from typing import Any

from greenroom.connectors.ashby import updates
from greenroom.connectors.contract import Push
from greenroom.errors import GiveUp, TryLater
from greenroom.outbound import Answer, Request, judge_push
from greenroom.security import masks
from greenroom.store.db import to_json

#: characters of Ashby's own words that are repeated
TEXT_LIMIT = 200
#: codes of an error that passes by itself
PASSING = frozenset(
    {"internal_error", "internal_server_error", "rate_limit_exceeded", "service_unavailable", "timeout"}
)
#: code of an update that Ashby has already, or a later one of ours: the answer to an earlier attempt was lost
TAKEN = "timestamp_not_newer"
ADVICE = "Check the account's api_key (PATCH /accounts/{id}, credentials), then retry the delivery."


def push_request(push: Push) -> Request:
    """
    Returns the POST of an update: Basic with the customer's API key as user name.

    Raises:
        GiveUp: the account has no API key, or the order has no result any more.
    """
    key = push.credentials.get("api_key")
    if not key:
        raise GiveUp(
            "The update is recorded but not sent: the account has no api_key. The customer makes one in Ashby with the "
            "permission candidatesWrite; give it with PATCH /accounts/{id} as credentials, then retry the delivery.",
            kind="not_configured",
        )
    if push.order.source == "result":
        partner_id = push.integration.settings.get("partner_id") or push.integration.tenant_id or ""
        call = "assessment.addCompletedToCandidate"
        body = updates.completed_to_candidate(push.order, push.update, partner_id)
    else:
        call, body = "assessment.update", updates.assessment_update(push.order, push.update)
    headers = {
        "authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode(),
        "accept": "application/json; version=1",
        "content-type": "application/json",
    }
    return Request("POST", f"{push.urls['ashby.api']}/{call}", headers, to_json(body).encode())


def judge(answer: Answer) -> None:
    """
    Accepts a 2xx answer, unless its body says `success: false`: so Ashby answers a logical error. An update that is not
    newer than the last one was taken before.

    Raises:
        TryLater: 408, 425, 429 (with its Retry-After), 5xx, an answer that is not JSON, an error that passes.
        GiveUp: any other answer, with Ashby's own words.
    """
    body = _object(answer)
    said = _said(body)
    if answer.status == 401:
        raise GiveUp(f"Ashby answered 401 Unauthorized: it got no valid API key{said}. {ADVICE}", kind="http_status")
    if answer.status == 403:
        raise GiveUp(
            f"Ashby answered 403 Forbidden: the API key is wrong, switched off, or lacks the permission candidatesWrite"
            f"{said}. {ADVICE}",
            kind="http_status",
        )
    if 400 <= answer.status < 500 and said and answer.status not in (408, 425, 429):
        raise GiveUp(f"Ashby answered {answer.status} and refused the update{said}.", kind="http_status")
    judge_push(answer)
    if body is None:
        raise TryLater(f"Ashby answered {answer.status} with a body that is not JSON.", kind="bad_answer")
    if body.get("success") is False and _code(body) != TAKEN:
        fault = TryLater if _code(body) in PASSING else GiveUp
        raise fault(f"Ashby refused the update{said or ' and gave no reason'}.", kind="bad_answer")


def _object(answer: Answer) -> dict[str, Any] | None:
    """Returns the body as an object, an empty one for no body; None when it is not JSON."""
    if not answer.body.strip():
        return {}
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else {}


def _code(body: dict[str, Any]) -> str:
    info = body.get("errorInfo")
    code = info.get("code") if isinstance(info, dict) else None
    return code if isinstance(code, str) else ""


def _said(body: dict[str, Any] | None) -> str:
    """Returns Ashby's own words with a colon in front; nothing when there are none."""
    info = (body or {}).get("errorInfo")
    message = info.get("message") if isinstance(info, dict) else None
    errors = (body or {}).get("errors")
    older = errors[0] if isinstance(errors, list) and errors else None
    words = next((one for one in (message, older, _code(body or {})) if isinstance(one, str) and one.strip()), "")
    plain = " ".join("".join(one if one.isprintable() else " " for one in words).split())
    return f": {masks.text(plain[:TEXT_LIMIT]).rstrip('.')}" if plain else ""
