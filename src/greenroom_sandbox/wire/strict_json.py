"""Reading JSON from strangers: whatever the bytes, either a value that can be written back or one clear complaint."""

from __future__ import annotations

import json
from typing import NoReturn


class NotStrictJson(ValueError):
    """The bytes are not JSON as RFC 8259 has it; the text says why."""


def parse(raw: bytes) -> object:
    """Parses UTF-8 JSON. Refuses NaN and Infinity, lone surrogates, numbers and nestings Python cannot hold."""
    try:
        value: object = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        # Lone surrogates parse but cannot be encoded again, and would break the reply that quotes them.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise NotStrictJson("body is not UTF-8") from error
    except UnicodeEncodeError as error:
        raise NotStrictJson("body has half a surrogate pair in a string") from error
    except RecursionError as error:
        raise NotStrictJson("body is nested too deeply") from error
    except ValueError as error:
        raise NotStrictJson(f"body is not valid JSON: {error}") from error
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def kind_of(value: object) -> str:
    """The JSON name of a value's type, for complaints: ``null``, ``boolean``, ``number``, ``string`` …"""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
