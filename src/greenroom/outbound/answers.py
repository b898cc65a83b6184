"""
The retry policies, one for webhooks and one for pushes to an ATS.

Each decides by an answer's status: success, retry, or final.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from greenroom.errors import GiveUp, TryLater
from greenroom.outbound.urls import without_user_info

#: statuses of a temporary fault, besides 5xx
PASSING = frozenset({408, 425, 429})
#: statuses whose Retry-After is used
HEEDED = frozenset({429, 503})
#: characters of a redirect's target in a message, at most
MAX_TARGET = 200
LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """
    An answer to an outgoing request; header names are lower case.

    `body` is undecoded and at most as long as the caller allowed. `truncated` says that there was more, or that the
    rest did not arrive before the deadline. `address` is the peer's address, when it is known.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    address: str | None
    duration_ms: float


def judge_webhook(answer: Answer) -> None:
    """
    Accepts 2xx; only 410 is final, since a receiver may be in the middle of a deployment.

    Raises:
        TryLater: any other status; Retry-After of 429 and 503 is used.
        GiveUp: 410, `gone` set.
    """
    if 200 <= answer.status < 300:
        return
    if answer.status == 410:
        raise GiveUp("The endpoint answered 410 Gone: it asks never to be called again.", kind="http_status", gone=True)
    if 300 <= answer.status < 400:
        raise TryLater(describe_refusal("The endpoint", answer), kind="redirect")
    raise _later("The endpoint", answer)


def judge_push(answer: Answer) -> None:
    """
    Accepts 2xx; most other statuses are final, since an ATS would refuse again.

    Raises:
        TryLater: 408, 425, 429 and 5xx; Retry-After of 429 and 503 is used.
        GiveUp: any other status.
    """
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise GiveUp(describe_refusal("The ATS", answer), kind="redirect")
    if answer.status in PASSING or answer.status >= 500:
        raise _later("The ATS", answer)
    raise GiveUp(describe_refusal("The ATS", answer), kind="http_status")


def describe_refusal(who: str, answer: Answer, *, expected: str = "a 2xx status") -> str:
    """Returns the message to people about an answer that is not a success."""
    status = str(answer.status)
    with suppress(ValueError):
        status += f" {HTTPStatus(answer.status).phrase}"
    if 300 <= answer.status < 400:
        target = redirect_target(answer)
        where = f" to {target}" if target else ""
        return f"{who} answered {status}, a redirect{where}. Redirects are not followed."
    return f"{who} answered {status}; {expected} was expected."


def _later(who: str, answer: Answer) -> TryLater:
    wait = retry_after(answer.headers, datetime.now(UTC)) if answer.status in HEEDED else None
    return TryLater(describe_refusal(who, answer), kind="http_status", wait=wait)


def redirect_target(answer: Answer) -> str:
    """Returns the target of a redirect without user-info, query and fragment, which may be secret; '' without one."""
    location = answer.headers.get("location", "")
    bare = re.split(r"[?#]", without_user_info(location.strip()))[0]
    shown = re.sub(r"[^!-~]", "?", bare)
    return shown if len(shown) <= MAX_TARGET else f"{shown[:MAX_TARGET]}…"


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """
    Returns the wait of a Retry-After header, in seconds or as an HTTP date; 24 hours at most.

    None for a missing, past, negative or unreadable one.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=min(int(text[:10]), LONGEST_WAIT.total_seconds()))
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, IndexError, TypeError, OverflowError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(wait, LONGEST_WAIT) if wait > timedelta(0) else None
