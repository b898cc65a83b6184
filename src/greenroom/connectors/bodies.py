"""Fields of an ATS's JSON body, read with their faults collected."""

from __future__ import annotations

import re
from typing import Any

#: one @ with something on both sides; no white space or control characters anywhere
EMAIL = re.compile(r"[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+")

#: characters of one field, at most
LONGEST = 10_000

#: characters that a database cannot store: NUL, half a surrogate pair
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


def read_text(
    source: dict[str, Any], name: str, faults: list[str], *, path: str = "", required: bool = False
) -> str | None:
    """
    Returns the text of a field; None when it is missing, null or empty, or not acceptable.

    A number is read as text. A line is added to `faults` when the value is not acceptable, or `required` and missing.
    """
    value = source.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        faults.append(f"{path}{name}: expected a text")
    elif required and not (value or "").strip():
        faults.append(f"{path}{name}: required")
    elif value and len(value) > LONGEST:
        faults.append(f"{path}{name}: is longer than {LONGEST} characters")
    elif value and not is_storable(value):
        faults.append(f"{path}{name}: has a NUL character or half a surrogate pair")
    else:
        return value or None
    return None


def is_storable(text: str) -> bool:
    """Returns whether a database can store a text."""
    return UNSTORABLE.search(text) is None
