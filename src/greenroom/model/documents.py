"""JSON texts of outsiders: how deep they may be nested, and what is left of stored ones that are nested deeper."""

from __future__ import annotations

import re

from greenroom.errors import BadRequest

#: objects and arrays inside each other; what reads and writes JSON fails somewhere above 200
DEEPEST = 64
CUT = '"(nested too deep)"'
#: a string, of which the end may be missing, or a bracket; it matches in one pass, whatever the text
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


def check(content: bytes) -> None:
    """
    Raise unless a JSON body can be read without harm.

    Raises:
        BadRequest: it is not in UTF-8, or is nested deeper than 64 levels.
    """
    if content.count(b"[") + content.count(b"{") <= DEEPEST:
        return
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" in text:  # UTF-16 has them, too
        raise BadRequest("The body is not JSON in UTF-8.")
    if shallow(text) != text:
        raise BadRequest(
            f"The body is not JSON that can be read: its objects and arrays are nested deeper than {DEEPEST} levels."
        )


def shallow(text: str) -> str:
    """A JSON text in which everything deeper than 64 levels is replaced by a short text."""
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
