"""A nesting limit for JSON from callers, and truncation of stored JSON that exceeds it."""

from __future__ import annotations

import re

from greenroom.errors import BadRequest

#: nesting levels of objects and arrays; Python's JSON readers and writers fail somewhere above 200
DEEPEST = 64
CUT = '"(nested too deep)"'
#: a string, possibly without its end, or a bracket; matches any text in linear time
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def check(content: bytes) -> None:
    """
    Checks that a JSON body is nested no deeper than 64 levels.

    Raises:
        BadRequest: the body is nested deeper, or has many brackets and is not in UTF-8.
    """
    if content.count(b"[") + content.count(b"{") <= DEEPEST:
        return
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:  # also catches UTF-16
        raise BadRequest("The body is not JSON in UTF-8.")
    if shallow(text) != text:
        raise BadRequest(
            f"The body is not JSON that can be read: its objects and arrays are nested deeper than {DEEPEST} levels."
        )


def shallow(text: str) -> str:
    """Returns a JSON text with every value nested deeper than 64 levels replaced by a short text."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return text
    kept: list[str] = []
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST + 1:
                kept += (text[start : token.start()], CUT)
                start = len(text)
        elif token[0] in ("]", "}"):
            depth -= 1
            if depth == DEEPEST:
                start = token.end()
    return "".join([*kept, text[start:]])
