"""What an answer's status means for a retry; two tables, one for each kind of destination."""

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

#: statuses of a passing fault
PASSING = frozenset({408, 425, 429})
#: statuses whose Retry-After is heeded
HEEDED = frozenset({429, 503})
#: characters of a redirect's target that are shown
MAX_TARGET = 200
LONGEST_WAIT = timedelta(hours=24)


@dataclass(frozen=True)
class Answer:
    """
    What came back. Header names are lower case.

    `body` is at most as long as was asked for, undecoded; `truncated` says that there was more, or that the rest did
    not come before the deadline. `address` is where we were connected, when that is known.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool
    address: str | None
    duration_ms: float


def judge_webhook(answer: Answer) -> None:
    """
    2xx is success; a receiver may be in the middle of a deployment, so that only 410 is final.

    Raises:
        TryLater: anything else; Retry-After of 429 and 503 is heeded.
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
    2xx is success; an ATS that refuses today would refuse tomorrow.

    Raises:
        TryLater: 408, 425, 429 and 5xx; Retry-After of 429 and 503 is heeded.
        GiveUp: anything else.
    """
    if 200 <= answer.status < 300:
        return
    if 300 <= answer.status < 400:
        raise GiveUp(describe_refusal("The ATS", answer), kind="redirect")
    if answer.status in PASSING or answer.status >= 500:
        raise _later("The ATS", answer)
    raise GiveUp(describe_refusal("The ATS", answer), kind="http_status")


def describe_refusal(who: str, answer: Answer, *, expected: str = "a 2xx status") -> str:
    """Returns what people are told of an answer that is not a success."""
    status = str(answer.status)
    with suppress(ValueError):
        status += f" {HTTPStatus(answer.status).phrase}"
    if 300 <= answer.status < 400:
        target = _shown_target(answer.headers.get("location", ""))
        where = f" to {target}" if target else ""
        return f"{who} answered {status}, a redirect{where}. Redirects are not followed."
    return f"{who} answered {status}; {expected} was expected."


def _later(who: str, answer: Answer) -> TryLater:
    wait = retry_after(answer.headers, datetime.now(UTC)) if answer.status in HEEDED else None
    return TryLater(describe_refusal(who, answer), kind="http_status", wait=wait)


def _shown_target(location: str) -> str:
    """The target of a redirect without what may be secret in it: user-info, query, fragment."""
    bare = re.split(r"[?#]", without_user_info(location.strip()))[0]
    shown = re.sub(r"[^!-~]", "?", bare)
    return shown if len(shown) <= MAX_TARGET else f"{shown[:MAX_TARGET]}…"


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """
    The wait that a Retry-After header asks for, in seconds or as an HTTP date, 24 hours at the most.

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
