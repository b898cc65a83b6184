"""Strict JSON parsing for untrusted bodies.

The result is a value that can be encoded again, or an error with one clear message.
"""

from __future__ import annotations

import json
from typing import NoReturn


class NotStrictJson(ValueError):
    """The bytes are not JSON as in RFC 8259; the message says why."""


def parse(raw: bytes) -> object:
    """Parses UTF-8 JSON.

    Raises: `NotStrictJson`, also for NaN, Infinity, lone surrogates, and numbers or nesting beyond Python's limits.
    """
    try:
        value: object = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
        # Lone surrogates can be parsed but not encoded again, and would break an answer that quotes them.
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
    """Returns the JSON name of a value's type: ``null``, ``boolean``, ``number`` …"""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
