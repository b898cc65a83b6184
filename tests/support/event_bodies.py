"""What tests receive as webhook requests, compared with the events that the OpenAPI document describes."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ValidationError

from greenroom.api.events import BODIES
from greenroom.model.events import ALIASES


def find_misfits(body: bytes) -> list[str]:
    """
    Returns what is wrong with the body of an event: a field that is unknown, missing or of another type.

    Signed calls that are no events have no `event` and nothing wrong.
    """
    content = json.loads(body)
    name = content.get("event")
    if name is None:
        return []
    model = BODIES.get(ALIASES.get(name, name))
    if model is None:
        return [f"{name} is not in the OpenAPI document"]
    try:
        read = model.model_validate_json(body, strict=True, extra="forbid")
    except ValidationError as error:
        return [f"{name}: {one['loc']} {one['msg']}" for one in error.errors()]
    return [f"{name}: {field} is missing" for field in _find_missing(read)]


def _find_missing(read: BaseModel, prefix: str = "") -> list[str]:
    """Returns the described fields that a body does not have, which the schema of an order permits."""
    missing = [prefix + field for field in type(read).model_fields.keys() - read.model_fields_set]
    for field in read.model_fields_set:
        value: Any = getattr(read, field)
        if isinstance(value, BaseModel):
            missing += _find_missing(value, f"{prefix}{field}.")
    return missing
