"""Parsing of requests and building of responses."""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from greenroom_sandbox.errors import NotFound, NotJson, Refused, SandboxError, TooLarge
from greenroom_sandbox.wire.strict_json import NotStrictJson, parse

B = TypeVar("B", bound="Body")


class Body(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")

    def get_given(self) -> dict[str, Any]:
        """Returns only the fields that the request has."""
        return self.model_dump(exclude_unset=True)


async def read_body(request: web.Request, kind: type[B]) -> B:
    """Parses the request's JSON body, of any media type; an empty body is ``{}``.

    Raises: `TooLarge`, `NotJson`, or `Refused` with the name of the field.
    """
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


def get_number(request: web.Request, name: str = "id") -> int:
    """Returns a number of the path. Raises: `NotFound`."""
    text = request.match_info[name]
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise NotFound(f"{text[:40]!r} is not an id", name)
    return int(text)


def get_query_number(request: web.Request, name: str) -> int | None:
    """Returns a whole number of the query, None when it is missing. Raises: `Refused`."""
    text = request.query.get(name)
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused("must be a whole number", name)
    return int(text)


def get_query_seconds(request: web.Request, name: str, most: float) -> float:
    """Returns seconds of the query, 0 when they are missing. Raises: `Refused`."""
    try:
        seconds = float(request.query.get(name) or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= most:
        raise Refused(f"must be 0 to {most:g} seconds", name)
    return seconds


def respond_list(entries: list[Any]) -> web.Response:
    """Returns the response of a list."""
    return web.json_response(
        {"data": [one.model_dump(mode="json") if isinstance(one, BaseModel) else one for one in entries]}
    )


def respond(record: BaseModel | dict[str, Any], status: int = 200, **without: set[str]) -> web.Response:
    """Returns the response of one record."""
    if isinstance(record, BaseModel):
        record = record.model_dump(mode="json", **without)  # type: ignore[arg-type]
    return web.json_response(record, status=status)


def respond_error(error: SandboxError) -> web.Response:
    """Returns the response of an error."""
    return web.json_response({"error": {"field": error.field, "message": error.message}}, status=error.status)
