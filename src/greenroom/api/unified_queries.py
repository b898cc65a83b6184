"""What the unified reads take: fields, pages, filters, and what clients of the contract send besides."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AwareDatetime, BeforeValidator

from greenroom.api.shapes import Plain, after
from greenroom.errors import BadRequest

LAST = 1000


def blank_is_none(value: object) -> object:
    """What clients write for nothing, as None."""
    return None if value in ("", "null") else value


Id = Annotated[Plain, Path(alias="id")]
Fields = Annotated[str | None, Query(description="Comma-separated fields to return; all by default.")]
Raw = Annotated[
    bool | None, BeforeValidator(blank_is_none), Query(description="Accepted; there is no raw response to add.")
]
Size = Annotated[str | None, Query(description="Entries a page, a whole number; 25 by default.", examples=["25"])]
Instant = Annotated[AwareDatetime | None, BeforeValidator(blank_is_none)]
Filtered = Annotated[Instant, Query(alias="filter[updated_after]", description="An ISO 8601 date-time with a zone.")]
Updated = Annotated[Instant, Query(deprecated=True, description="The older spelling of filter[updated_after].")]
#: what clients of the contract may also send; read by nobody here
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
            "description": "Accepted; answers come at once, so no heartbeat is sent.",
            "schema": {"type": "string", "examples": ["heartbeat"]},
        },
    ]
}
PREFERRED: dict[str, Any] = {"parameters": ACCEPTED["parameters"][1:]}


def only(record: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """The fields that were asked for, all when none were."""
    wanted = {name.strip() for name in (fields or "").split(",") if name.strip()}
    return {name: value for name, value in record.items() if name in wanted} if wanted else record


def size_of(text: str | None) -> int:
    """
    Entries a page, 1000 at the most.

    Raises:
        BadRequest: not a whole number from 1 on.
    """
    if not text:
        return 25
    if not text.isascii() or not text.isdigit() or not int(text[:9]) >= 1:
        raise BadRequest("page_size: expected a whole number from 1 on", errors=["page_size: not a number"])
    return min(int(text[:9]), LAST)


def offset_of(text: str | None) -> int:
    """
    Where the page begins that a cursor of a package list stands for.

    Raises:
        BadRequest: it is not such a cursor.
    """
    found = (after(text, "pkg") or "pkg_0").removeprefix("pkg_")
    if not found.isdigit():
        raise BadRequest("next: not a cursor of ours; use the `next` of the page before.", errors=["next: unknown"])
    return int(found[:9])
