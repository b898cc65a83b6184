"""Custom headers of a webhook: what an operator may have sent along with every delivery."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: headers of one webhook, and characters of one value, at most
MOST = 16
LONGEST_VALUE = 1024
#: stands for the value of a stored header wherever it is shown; given back, it keeps the stored value
KEPT = "(hidden)"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
#: names that Greenroom sets, that describe the body, and that concern a single connection (RFC 9110, 7.6.1)
_RESERVED = frozenset(
    {"host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect", "accept-encoding",
     "traceparent", "tracestate"}
)  # fmt: skip
_RESERVED_PREFIXES = ("content-", "proxy-", "webhook-", "x-stackone-")


def find_problem(headers: Mapping[str, str]) -> str | None:
    """Returns why these headers cannot be sent along; None when they can. Values are left out of the message."""
    if len(headers) > MOST:
        return f"{len(headers)} headers; at most {MOST}"
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not _NAME.fullmatch(name):
            return f"{name[:64]!r} is not a header name: up to 64 letters, digits and hyphens"
        if lower in _RESERVED or lower.startswith(_RESERVED_PREFIXES):
            return f"{name} is reserved: Greenroom or the connection sets it. Choose another name"
        if lower in seen:
            return f"{name} is given twice"
        if len(value) > LONGEST_VALUE or not _VALUE.fullmatch(value):
            return f"the value of {name} must have 1 to {LONGEST_VALUE} ASCII characters, without a line break"
        seen.add(lower)
    return None


def read_lines(text: str) -> tuple[dict[str, str], str | None]:
    """Returns the headers in the lines `Name: value` of a form, and what is wrong with them."""
    headers: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon:
            return {}, "write each header in a line of its own, as Name: value"
        if name.strip() in headers:
            return {}, f"{name.strip()[:64]} is given twice"
        headers[name.strip()] = value.strip()
    return headers, find_problem(headers)
