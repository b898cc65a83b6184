"""Harvest's answers, read defensively. Pure but for the present time."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from greenroom.connectors.bodies import is_storable
from greenroom.connectors.greenhouse.harvest.access import ACCESS, get_scope
from greenroom.connectors.oauth_answers import missing_scope
from greenroom.errors import AccessError, BadRequest
from greenroom.model import documents
from greenroom.outbound import Answer, describe_refusal, retry_after

#: wait before a call is repeated whose answer cannot be used
RETRY = timedelta(seconds=30)
#: rows of a page, Harvest's own limit
MOST_ROWS = 500
LONGEST_CURSOR = 4000
#: rows of an id: beyond, JSON numbers are not exact in every client
LARGEST_ID = 2**63 - 1
_NEXT = re.compile(r'<([^<>]{1,8000})>\s*;[^,]*\brel="?next"?')


def read_rows(path: str, params: Mapping[str, str], answer: Answer) -> tuple[list[dict[str, Any]], str | None]:
    """
    Returns the rows of an answer and the cursor of the next page.

    Raises:
        AccessError: the answer is an error, or cannot be used.
    """
    if answer.status != 200:
        raise _refusal(path, answer)
    if answer.truncated:
        raise unusable(path, "a body that is too long, or did not arrive in time")
    try:
        documents.check(answer.body)
        body = json.loads(answer.body)
    except (ValueError, BadRequest, RecursionError):
        kind = answer.headers.get("content-type", "")[:60]
        shown = f" ({kind})" if re.fullmatch(r"[\w/+.;= -]+", kind) else ""
        raise unusable(path, f"a body that is not JSON{shown}") from None
    if not isinstance(body, list) or not all(isinstance(row, dict) for row in body):
        raise unusable(path, "something else than an array of objects")
    if len(body) > MOST_ROWS:
        raise unusable(path, f"more than {MOST_ROWS} rows in one page")
    if not all(is_id(row.get("id")) for row in body):
        raise unusable(path, "a row without an integer id")
    return only_asked(path, params, body), read_cursor(path, answer.headers)


def is_id(value: object) -> bool:
    """Returns whether a value is an id of Greenhouse."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID


def only_asked(path: str, params: Mapping[str, str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Returns the rows, if all of them are among those that the filters ask for.

    Raises:
        AccessError: a row is another one, perhaps another customer's.
    """
    for name, wanted in params.items():
        if name == "ids" or name.endswith("_ids"):
            column, ids = ("id" if name == "ids" else name.removesuffix("s")), set(wanted.split(","))
            if not all(str(row.get(column)) in ids for row in rows):
                raise unusable(path, f"rows that were not asked for (another {column})")
    return rows


def read_cursor(path: str, headers: Mapping[str, str]) -> str | None:
    """
    Returns the cursor of the next page in a Link header; None on the last page.

    Only the cursor is read: the address that stands with it is never called.

    Raises:
        AccessError: there is a next page whose cursor cannot be read.
    """
    found = _NEXT.search(headers.get("link", "")[:20_000])
    if found is None:
        return None
    try:
        cursor = parse_qs(urlsplit(found[1]).query).get("cursor", [""])[0]
    except ValueError:
        cursor = ""
    if not cursor or len(cursor) > LONGEST_CURSOR or not is_storable(cursor):
        raise unusable(path, "a next page without a cursor that can be used")
    return cursor


def read_window(headers: Mapping[str, str]) -> tuple[int, int, int, int] | None:
    """
    Returns the rate limit in the headers; None when there is none.

    It is the window's end by the ATS's clock as its id, the requests left, the requests in a window, and the
    milliseconds until its end.
    """
    texts = [headers.get(f"x-ratelimit-{name}", "").strip() for name in ("reset", "remaining", "limit")]
    if not all(re.fullmatch(r"[0-9]{1,12}", text) for text in texts):
        return None
    reset, left, size = (int(text) for text in texts)
    if not 1 <= size <= 100_000:
        return None
    try:
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        now = datetime.now(UTC).timestamp()
    return reset, min(left, size), size, int((reset - now) * 1000)


def unusable(path: str, what: str) -> AccessError:
    """Returns the error for an answer that cannot be used."""
    return AccessError(
        "hiring_team.unavailable",
        f"Harvest answered the list {path} with {what}, which cannot be used.",
        wait=RETRY,
        status=200,
    )


def _refusal(path: str, answer: Answer) -> AccessError:
    status, who = answer.status, f"Harvest ({path})"
    if status == 401:
        reason = f"{who} answered 401 Unauthorized to a new access token. Authorise Harvest again."
        return AccessError("hiring_team.token_refused", reason, status=status)
    if status == 403 and b"scope" in answer.body[:4000].lower():
        return missing_scope(ACCESS, get_scope(path), status=status)
    if status == 403:
        return AccessError(
            "hiring_team.permission",
            f"{who} answered 403 Forbidden: lists are for Site Admins, and the user who authorised Harvest is none "
            "(any more). Make the user a Site Admin in Greenhouse, or let a Site Admin authorise Harvest again.",
            status=status,
        )
    wait = retry_after(answer.headers, datetime.now(UTC)) or RETRY
    if status == 429:
        return AccessError(
            "hiring_team.rate_limited", f"{who} answered 429 Too Many Requests.", wait=wait, status=status
        )
    return AccessError(
        "hiring_team.unavailable", describe_refusal(who, answer, expected="200"), wait=wait, status=status
    )
