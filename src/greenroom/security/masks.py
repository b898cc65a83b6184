"""
Masks for recorded exchanges: credentials are hidden.

They are found by name, by shape and in URLs. Records help people to find a fault; they show that a credential was
there, never its value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "(hidden)"
#: characters of the shortest value that is a credential for sure, and not a word like "on"
SHORTEST = 6
#: the deepest level of JSON that is shown; no real API nests deeper
DEEPEST = 32

_NAME = (
    r"password|passwd|passphrase|secret|token|credential|api[_-]?key|private[_-]?key|access[_-]?key|authorization"
    r"|cookie|auth[_-]?link|(?<![\w-])headers"  # "headers" are a webhook's custom ones, whose values are credentials
)
#: a text without any of these words cannot match, and a search for words is much faster than the expressions
_NAME_HINTS = ("passw", "passphrase", "secret", "token", "credential", "key", "auth", "cookie", "headers")
_SHAPE_HINTS = ("gk_", "gr_", "whsec_", "whsk_", "basic ", "bearer ", "@")
_CREDENTIAL = re.compile(_NAME, re.IGNORECASE)
#: Greenroom's own tokens, the value of an Authorization header, and a URL's user-info, anywhere in a text
_SHAPED = re.compile(
    r"\b(?:gk|gr|wh(?:sec|sk))_[\w+/=-]{20,}|\b(?:Basic|Bearer) [\w+/=.~-]{8,}|(?<=://)[^/?#@\s\"]{1,200}(?=@)",
    re.IGNORECASE,
)
#: `name: value` and `name=value` of a credential; when the value is an object or a list, the rest of the text
_NAMED = re.compile(
    rf"((?:{_NAME})[\w-]{{0,40}}\"?\s{{0,5}}[:=]\s{{0,5}})"
    r"(?:\"(?:[^\"\\]|\\.)*\"?|[\[{].*|[^,;&\"\[{}\]\r\n][^,;&\"}\]\r\n]*)",
    re.IGNORECASE | re.DOTALL,
)


def headers(sent: Mapping[str, str], *, secret: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns headers with their credentials hidden, after those of which every value is `secret`."""
    shown = {name: HIDDEN if _is_credential(name) else _shaped(value) for name, value in sent.items()}
    return {**dict.fromkeys(secret, HIDDEN), **shown} if secret else shown


def values(plain: str, secret: Mapping[str, str]) -> str:
    """Returns a text with these headers' values hidden, which a receiver may echo; short ones are not looked for."""
    for value in secret.values():
        if len(value) >= SHORTEST:
            plain = plain.replace(value, HIDDEN)
    return plain


def text(plain: str) -> str:
    """Returns a text with its credentials hidden; it may be a URL, or JSON that was cut."""
    plain = _shaped(plain)
    return _NAMED.sub(rf"\1{HIDDEN}", plain) if _has(plain, _NAME_HINTS) else plain


def body(content: bytes, *, cut: bool) -> Any:
    """
    Returns a body with its credentials hidden.

    JSON becomes a value, anything else text, an empty body None. `cut` says that there was more than `content`; the
    body is text then, even if it was JSON.
    """
    if not content:
        return None
    if not cut:
        try:
            return _value(json.loads(content), DEEPEST)
        except (ValueError, RecursionError):
            pass
    return text(content.decode(errors="replace")) + (" … (cut)" if cut else "")


def excerpt(content: bytes, *, most: int) -> Any:
    """Returns a body as `body` does, of which only the first `most` bytes are kept."""
    return body(content[:most], cut=len(content) > most)


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
