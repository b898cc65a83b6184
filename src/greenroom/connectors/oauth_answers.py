"""The answers of an OAuth 2.0 authorization server, read defensively. Pure: no clock but the present, no network."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from greenroom.connectors.contract import OAuth
from greenroom.errors import AccessError, BadRequest
from greenroom.model import documents
from greenroom.model.access import Tokens
from greenroom.outbound import Answer, describe_refusal, retry_after

#: life of an access token when the answer does not say, and the longest that is believed
USUAL_LIFE_S = 3600
LONGEST_LIFE_S = 24 * 3600
#: characters of a token: visible ASCII, since it goes into a header
_TOKEN = re.compile(r"[!-~]{1,8192}")
#: wait after a temporary fault without a Retry-After
RETRY = timedelta(seconds=30)


def read_tokens(oauth: OAuth, answer: Answer, *, is_code: bool) -> Tokens:
    """
    Returns the tokens in an answer of the token endpoint.

    The validity is read from `expires_in` (RFC 6749) or `expires_at`. `is_code` says that a code was
    exchanged, not a refresh token.

    Raises:
        AccessError: the answer is a refusal, or cannot be used.
    """
    who = f"The authorization server of {oauth.api}"
    body = _read_object(answer)
    if not 200 <= answer.status < 300:
        raise _refusal(oauth, answer, body or {}, who, is_code=is_code)
    token = body and body.get("access_token")
    if body is None or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise AccessError(
            "hiring_team.unavailable",
            f"{who} answered {answer.status} without a usable access_token; a JSON object with one was expected.",
            wait=RETRY,
            status=answer.status,
        )
    refresh_token = body.get("refresh_token")
    usable = isinstance(refresh_token, str) and _TOKEN.fullmatch(refresh_token)
    return Tokens(token, refresh_token if usable else None, _life_s(body), _scopes(body.get("scope")))


def lacking_scopes(oauth: OAuth, tokens: Tokens) -> AccessError | None:
    """Returns the problem of a consent that did not grant every scope; None without one, or when it is unknown."""
    if tokens.scopes is None:
        return None
    lacking = [one for one in oauth.scopes if one not in tokens.scopes]
    return missing_scope(oauth, ", ".join(lacking)) if lacking else None


def missing_scope(oauth: OAuth, scopes: str, *, status: int | None = None) -> AccessError:
    """Returns the error for scopes that the customer did not grant."""
    return AccessError(
        "hiring_team.scope_missing",
        f"The customer's access to {oauth.api} lacks {scopes}. Add the scope to the client at the ATS, then authorise "
        f"{oauth.api} again.",
        status=status,
    )


def _read_object(answer: Answer) -> dict[str, Any] | None:
    if answer.truncated:
        return None
    try:
        documents.check(answer.body)
        body = json.loads(answer.body)
    except (ValueError, BadRequest, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _refusal(oauth: OAuth, answer: Answer, body: dict[str, Any], who: str, *, is_code: bool) -> AccessError:
    error = body.get("error")
    if answer.status == 429:
        wait = retry_after(answer.headers, datetime.now(UTC)) or RETRY
        reason = f"{who} answered 429 Too Many Requests."
        return AccessError("hiring_team.rate_limited", reason, wait=wait, status=429)
    if answer.status in (400, 401, 403) and error == "invalid_grant":
        what, step = "the refresh token", f"Authorise {oauth.api} again."
        if is_code:
            what, step = "the code of this consent: it is used, or older than a minute", "Start again."
        return AccessError("hiring_team.token_refused", f"{who} refused {what}. {step}", status=answer.status)
    if answer.status in (401, 403) or error in ("invalid_client", "unauthorized_client", "invalid_scope"):
        known = f" ({error})" if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error) else ""
        return AccessError(
            "hiring_team.token_refused",
            f"{who} answered {answer.status}{known}: it refuses the client. Check {oauth.client_id} and "
            f"{oauth.client_secret}, and that the client may use {oauth.api}.",
            wait=timedelta(minutes=5),
            status=answer.status,
        )
    wait = retry_after(answer.headers, datetime.now(UTC)) or RETRY
    return AccessError("hiring_team.unavailable", describe_refusal(who, answer), wait=wait, status=answer.status)


def _life_s(body: dict[str, Any]) -> int:
    left: float = USUAL_LIFE_S
    if (seconds := _number(body.get("expires_in"))) is not None:
        left = seconds
    elif (until := _time(body.get("expires_at"))) is not None:
        left = until - datetime.now(UTC).timestamp()
    # a fresh token that has expired already says that the two clocks differ; a refused token is refreshed anyway
    return int(min(left, LONGEST_LIFE_S)) if left > 1 else USUAL_LIFE_S


def _number(value: object) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"\d{1,15}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _time(value: object) -> float | None:
    if (epoch := _number(value)) is not None:
        return epoch
    try:
        at = datetime.fromisoformat(str(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _scopes(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return tuple(value.split()[:200])
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value[:200])
    return None
