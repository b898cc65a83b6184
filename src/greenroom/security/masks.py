"""
What a record may show of an exchange: credentials are hidden by their name, by their shape and in URLs.

A record is for people who look for a fault. They need to see that a credential was there, never what it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "(hidden)"
#: below this, JSON is not worth reading, and nobody's API goes there
DEEPEST = 32

_NAME = (
    r"password|passwd|passphrase|secret|token|credential|api[_-]?key|private[_-]?key|access[_-]?key|authorization"
    r"|cookie|auth[_-]?link"
)
#: what a text without any of these cannot match; to look for a word takes a fraction of what an expression takes
_NAME_HINTS = ("passw", "passphrase", "secret", "token", "credential", "key", "auth", "cookie")
_SHAPE_HINTS = ("gk_", "gr_", "whsec_", "basic ", "bearer ", "@")
_CREDENTIAL = re.compile(_NAME, re.IGNORECASE)
#: our own tokens, an Authorization header's value, and a URL's user-info, wherever they stand
_SHAPED = re.compile(
    r"\b(?:gk|gr|whsec)_[\w+/=-]{20,}|\b(?:Basic|Bearer) [\w+/=.~-]{8,}|(?<=://)[^/?#@\s\"]{1,200}(?=@)", re.IGNORECASE
)
#: `name: value` and `name=value` where the name is a credential's; of an object or a list, all that follows
_NAMED = re.compile(
    rf"((?:{_NAME})[\w-]{{0,40}}\"?\s{{0,5}}[:=]\s{{0,5}})"
    r"(?:\"(?:[^\"\\]|\\.)*\"?|[\[{].*|[^,;&\"\[{}\]\r\n][^,;&\"}\]\r\n]*)",
    re.IGNORECASE | re.DOTALL,
)


def headers(sent: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown."""
    return {name: HIDDEN if _is_credential(name) else _shaped(value) for name, value in sent.items()}


def text(plain: str) -> str:
    """Any text as it may be shown, a URL among them; also JSON that is not whole."""
    plain = _shaped(plain)
    return _NAMED.sub(rf"\1{HIDDEN}", plain) if _has(plain, _NAME_HINTS) else plain


def body(content: bytes, *, cut: bool) -> Any:
    """
    A body as it may be shown: JSON as a value, anything else as text, an empty one as None.

    `cut`: there was more than `content`, so that it is text, whatever it was.
    """
    if not content:
        return None
    if not cut:
        try:
            return _value(json.loads(content), DEEPEST)
        except (ValueError, RecursionError):
            pass
    return text(content.decode(errors="replace")) + (" … (cut)" if cut else "")


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _shaped(value)
    if isinstance(value, dict | list) and depth == 0:
        return "(nested too deep)"
    if isinstance(value, dict):
        return {
            name: HIDDEN if part is not None and _is_credential(name) else _value(part, depth - 1)
            for name, part in value.items()
        }
    return [_value(part, depth - 1) for part in value] if isinstance(value, list) else value


def _shaped(plain: str) -> str:
    return _SHAPED.sub(HIDDEN, plain) if _has(plain, _SHAPE_HINTS) else plain


@lru_cache(maxsize=1024)
def _is_credential(name: str) -> bool:
    return _has(name, _NAME_HINTS) and _CREDENTIAL.search(name) is not None


def _has(plain: str, hints: tuple[str, ...]) -> bool:
    lower = plain.lower()
    for hint in hints:  # noqa: SIM110 - `any` takes twice the time, and this looks at every value of every exchange
        if hint in lower:
            return True
    return False
