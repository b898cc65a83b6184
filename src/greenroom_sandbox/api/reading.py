"""Reading requests: JSON bodies of known fields, numbers in paths and queries, and refusals that name the field."""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from greenroom_sandbox.errors import NotFound, NotJson, Refused, SandboxError, TooLarge
from greenroom_sandbox.simulator import SIMULATOR as SIMULATOR
from greenroom_sandbox.wire.strict_json import NotStrictJson, parse

B = TypeVar("B", bound="Body")


class Body(BaseModel):
    """A request body; unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid")

    def given(self) -> dict[str, Any]:
        """Only the fields that the request has."""
        return self.model_dump(exclude_unset=True)


async def body(request: web.Request, kind: type[B]) -> B:
    """The request's body; an empty one is ``{}``, whatever the media type."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge("the body is above 1 MiB") from None
    try:
        value = parse(raw) if raw.strip() else {}
    except NotStrictJson as error:
        raise NotJson(str(error)) from None
    if not isinstance(value, dict):
        raise Refused("the body must be a JSON object")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in fault["loc"]) or None
        message = {"extra_forbidden": "is not a field of this call", "missing": "is required"}.get(fault["type"])
        raise Refused(message or fault["msg"].removeprefix("Value error, "), name) from None


def number(request: web.Request, name: str = "id") -> int:
    """A number in the path."""
    text = request.match_info[name]
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound(f"{text[:40]!r} is not an id", name)
    return int(text)


def query_number(request: web.Request, name: str) -> int | None:
    """A whole number in the query, None when it is not there."""
    text = request.query.get(name)
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused("must be a whole number", name)
    return int(text)


def query_seconds(request: web.Request, name: str, most: float) -> float:
    """Seconds in the query, 0 when they are not there."""
    try:
        seconds = float(request.query.get(name) or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= most:
        raise Refused(f"must be 0 to {most:g} seconds", name)
    return seconds


def listed(entries: list[Any]) -> web.Response:
    """A list as every list is answered."""
    return web.json_response(
        {"data": [one.model_dump(mode="json") if isinstance(one, BaseModel) else one for one in entries]}
    )


def shown(record: BaseModel | dict[str, Any], status: int = 200, **without: set[str]) -> web.Response:
    """One record."""
    if isinstance(record, BaseModel):
        record = record.model_dump(mode="json", **without)  # type: ignore[arg-type]
    return web.json_response(record, status=status)


def refusal(error: SandboxError) -> web.Response:
    """A refusal as the API says it."""
    return web.json_response({"error": {"field": error.field, "message": error.message}}, status=error.status)
