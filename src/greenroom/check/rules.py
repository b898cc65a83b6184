"""Rules of HTTP that the list endpoint and the webhook have in common."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from urllib.parse import urlsplit

from greenroom.check.calls import Sent
from greenroom.check.model import Failed, Skipped
from greenroom.errors import RemoteError

#: stack traces of common platforms
_TRACE = re.compile(r"Traceback \(most recent|\bat [\w.$<>]+ ?\([^)]*:\d+|\.py\", line \d|goroutine \d+ \[|\.rb:\d+:in")
#: characters of an answer that are searched for a stack trace
_SEARCHED = 5000


def require_https(url: str, *, development: bool) -> str:
    """
    Returns the proof that a URL is https.

    Raises:
        Skipped: http is permitted.
        Failed: the URL is http.
    """
    if urlsplit(url).scheme == "https":
        return "The URL is https."
    if development:
        raise Skipped("With --allow-private, http is permitted.")
    raise Failed("The URL is http.")


def refuse_redirect(sent: Sent) -> str:
    """
    Returns the status of an answer.

    Raises:
        Failed: the answer is a redirect.
    """
    if 300 <= sent.status < 400:
        target = sent.answer.headers.get("location", "?")[:120]
        raise Failed(f"The answer is {sent.status} to {target}.", curl=sent.curl)
    return f"The answer is {sent.status}."


def calm(sent: Sent, what: str) -> str:
    """
    Returns the status of an answer to an unusual request.

    Raises:
        Failed: the request failed the service.
    """
    if sent.status >= 500:
        raise Failed(f"For {what}, {sent.described()}.", curl=sent.curl)
    return str(sent.status)


async def refuse_traces(*calls: Awaitable[Sent]) -> str:
    """
    Returns the proof that answers to bad requests have no stack trace.

    Raises:
        Failed: an answer has one.
        Skipped: no request was answered.
    """
    for sent in await answered(*calls):
        if _TRACE.search(sent.text[:_SEARCHED]):
            raise Failed(f"A stack trace: {sent.described()}.", curl=sent.curl)
    return f"no stack trace in the answers to {len(calls)} bad requests"


async def answered(*calls: Awaitable[Sent]) -> list[Sent]:
    """
    Returns the answers that came, for a check that looks into answers: a missing one is the failure of another check.

    Raises:
        Skipped: none came.
    """
    found = []
    for call in calls:
        try:
            found.append(await call)
        except RemoteError:
            continue
    if not found:
        raise Skipped("No request was answered.")
    return found
