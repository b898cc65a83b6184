"""Parameters of the unified reads: fields, pages, filters, and those that are accepted and ignored."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import BeforeValidator

from greenroom.api.shapes import Instant, Plain, after
from greenroom.errors import BadRequest

LAST = 1000


def blank_is_none(value: object) -> object:
    """Returns None for the texts that clients send for no value, else the value."""
    return None if value in ("", "null") else value


Id = Annotated[Plain, Path(alias="id", description="The id of the order or package.")]
Fields = Annotated[
    str | None, Query(description="Comma-separated fields to return; all by default. An unknown name is ignored.")
]
Raw = Annotated[
    bool | None,
    BeforeValidator(blank_is_none),
    Query(description="Add `raw`: the calls made for this response; for packages, the call to packages_url."),
]
Size = Annotated[str | None, Query(description="Entries a page, a whole number; 25 by default.", examples=["25"])]
Since = Annotated[Instant, BeforeValidator(blank_is_none)]
Filtered = Annotated[Since, Query(alias="filter[updated_after]", description="An ISO 8601 date-time with a zone.")]
Updated = Annotated[Since, Query(deprecated=True, description="The older spelling of filter[updated_after].")]
#: parameters that clients of the contract may send and Greenroom does not read
ACCEPTED: dict[str, Any] = {
    "parameters": [
        {
            "name": "proxy",
            "in": "query",
            "style": "deepObject",
            "description": "Accepted; there is no request of ours to add it to.",
            "schema": {"type": "object", "additionalProperties": True},
        },
        {
            "name": "Prefer",
            "in": "header",
            "description": "`heartbeat` is confirmed with Preference-Applied; an answer takes a few seconds at the "
            "most, so that no keep-alive byte is ever due.",
            "schema": {"type": "string", "examples": ["heartbeat"]},
        },
    ]
}
PREFERRED: dict[str, Any] = {"parameters": ACCEPTED["parameters"][1:]}
#: the same parameters for lists
ACCEPTED_ON_LISTS: dict[str, Any] = {
    "parameters": [
        *ACCEPTED["parameters"],
        {
            "name": "page",
            "in": "query",
            "deprecated": True,
            "description": "Accepted; pages are asked for with `next`.",
            "schema": {"type": "string"},
        },
    ]
}


async def prefer(request: Request, response: Response) -> None:
    """Confirms `Prefer: heartbeat` (RFC 7240: several preferences in one or more headers, each with parameters)."""
    asked = ",".join(request.headers.getlist("prefer")).split(",")
    if any(re.split("[;=]", one)[0].strip().lower() == "heartbeat" for one in asked):
        response.headers["preference-applied"] = "heartbeat"


def only(record: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """Returns the requested fields of a record; all fields if no known one is requested."""
    wanted = {name.strip() for name in (fields or "").split(",")}
    return {name: value for name, value in record.items() if name in wanted} or record


def size_of(text: str | None) -> int:
    """
    Returns the number of entries per page: 25 by default, at most 1000.

    Raises:
        BadRequest: the text is not a whole number of at least 1.
    """
    if not text:
        return 25
    if not text.isascii() or not text.isdigit() or not int(text[:9]) >= 1:
        raise BadRequest("page_size: expected a whole number from 1 on", errors=["page_size: not a number"])
    return min(int(text[:9]), LAST)


def offset_of(text: str | None) -> int:
    """
    Returns the offset in a cursor of a package list; 0 without a cursor.

    Raises:
        BadRequest: the text is not such a cursor.
    """
    found = (after(text, "pkg") or "pkg_0").removeprefix("pkg_")
    if not found.isdigit():
        raise BadRequest("next: not a cursor of ours; use the `next` of the page before.", errors=["next: unknown"])
    return int(found[:9])
