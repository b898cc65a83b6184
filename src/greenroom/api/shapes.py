"""Types that several resources share: strict bodies, pages, cursors, texts, times."""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from fastapi import Query
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from greenroom.errors import BadRequest

T = TypeVar("T")
MOST = 100

PageSize = Annotated[int, Query(ge=1, le=MOST, description="Entries a page.")]
Next = Annotated[str | None, Query(description="Cursor: the `next` of the page before.")]


def example(**fields: Any) -> ConfigDict:
    """Returns a model configuration with an example of a valid body for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


#: limit of unknown fields that are listed per object, since each is compared with every known name
MOST_UNKNOWN = 19


class KnownFields(BaseModel):
    """A body that refuses unknown fields; the error names each field's path and the nearest known name."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_unknown_fields(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        unknown = [name for name in value if name not in cls.model_fields] if isinstance(value, dict) else []
        if not unknown:
            return handler(value)
        known = [name for name, field in cls.model_fields.items() if not field.deprecated]
        faults = [_fault("unknown_field", _hint(name, known), (name[:60],)) for name in unknown[:MOST_UNKNOWN]]
        if len(unknown) > MOST_UNKNOWN:
            faults.append(_fault("unknown_field", f"{len(unknown) - MOST_UNKNOWN} more unknown fields."))
        try:
            handler({name: part for name, part in value.items() if name in cls.model_fields})
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            faults += [_fault(one["type"], one["msg"], one["loc"]) for one in found]
        raise ValidationError.from_exception_data(cls.__name__, faults)


def _fault(kind: str, message: str, location: tuple[int | str, ...] = ()) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, "{message}", {"message": message}), loc=location, input=None)


def _hint(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name[:60].lower(), known, n=1, cutoff=0.4)
    return f"Unknown field. Did you mean {near[0]}?" if near else f"Unknown field. Known: {', '.join(known)}."


class StrictBody(KnownFields):
    """A known-fields body that also refuses values of another type, such as 0 for false."""

    model_config = ConfigDict(strict=True)


class Page(BaseModel, Generic[T]):
    """A page of a list; `next` is null on the last page."""

    data: list[T] = Field(description="The entries.")
    next: str | None = Field(None, description="Pass it as `next` to get the following page.")


def cursor(last_id: str) -> str:
    """Returns an opaque cursor to the entries that follow this id."""
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def after(text: str | None, prefix: str) -> str | None:
    """
    Returns the id in a cursor, or None without one; ids of this list begin with `prefix` and an underscore.

    Raises:
        BadRequest: the text is not a cursor of this list.
    """
    if not text:
        return None
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        found = ""
    # decoding ignores characters outside of base64, so the id is encoded again and compared
    if not found.isprintable() or not found.startswith(f"{prefix}_") or cursor(found) != text.rstrip("="):
        raise BadRequest("next: not a cursor of ours; use the `next` of the page before.", errors=["next: unknown"])
    return found


def page(entries: list[T], limit: int, ids: list[str]) -> Page[T]:
    """Returns a page of at most `limit` entries; an entry more than that means that another page follows."""
    more = len(entries) > limit
    return Page(data=entries[:limit], next=cursor(ids[limit - 1]) if more else None)


LONGEST_INSTANT = 64
#: control characters and all line ends; PostgreSQL cannot even search for NUL
CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029"


def _plain(text: str) -> str:
    # half a surrogate pair cannot be stored either, and a pattern in the OpenAPI document cannot express one
    if re.search(rf"[{CONTROL}\ud800-\udfff]", text):
        raise ValueError("has control characters")
    return text


def _prose(text: str) -> str:
    _plain(re.sub(r"[\t\r\n]", " ", text))
    return text


_PATTERN = Field(json_schema_extra={"pattern": f"^[^{CONTROL}]*$"})
#: text without control characters, on one line
Plain = Annotated[str, Field(max_length=2000), AfterValidator(_plain), _PATTERN]
Label = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain), _PATTERN]
Line = Annotated[str, Field(max_length=2000), AfterValidator(_plain), _PATTERN]
#: text that may have several lines
Prose = Annotated[str, Field(max_length=2000), AfterValidator(_prose)]


def instant(value: object) -> datetime | None:
    """Returns the time in UTC of an ISO 8601 text with a zone; None if the text is blank."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) > LONGEST_INSTANT:
        raise ValueError("expected an ISO 8601 date-time with a zone, such as 2026-11-03T09:05:00Z")
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("expected an ISO 8601 date-time with a zone, such as 2026-11-03T09:05:00Z") from None
    if at.tzinfo is None:
        raise ValueError("has no zone; write 2026-11-03T09:05:00Z or 2026-11-03T10:05:00+01:00")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999 in UTC") from None


#: a time in any zone, converted to UTC
At = Annotated[AwareDatetime, BeforeValidator(instant, json_schema_input_type=AwareDatetime)]
#: a time in any zone, converted to UTC; a blank text is None
Instant = Annotated[
    AwareDatetime | None, BeforeValidator(instant, json_schema_input_type=AwareDatetime | Literal[""] | None)
]
