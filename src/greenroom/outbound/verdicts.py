"""What an answer's status means for a retry; two tables, one for each kind of destination."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from greenroom.errors import GiveUp, TryLater

#: statuses of a passing fault
PASSING = frozenset({408, 425, 429})
#: statuses whose Retry-After is heeded
HEEDED = frozenset({429, 503})
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
        raise GiveUp("It answered 410 Gone: it asks never to be called again.", kind="http_status", gone=True)
    if 300 <= answer.status < 400:
        raise TryLater(f"It answered {answer.status}, a redirect; they are not followed.", kind="redirect")
    raise _later(answer)


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
        raise GiveUp(f"It answered {answer.status}, a redirect; they are not followed.", kind="redirect")
    if answer.status in PASSING or answer.status >= 500:
        raise _later(answer)
    raise GiveUp(f"It answered {answer.status}.", kind="http_status")


def _later(answer: Answer) -> TryLater:
    wait = retry_after(answer.headers, datetime.now(UTC)) if answer.status in HEEDED else None
    return TryLater(f"It answered {answer.status}.", kind="http_status", wait=wait)


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
