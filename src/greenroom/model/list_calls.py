"""The outcome of a call of a vendor's list endpoint, without secrets. No I/O."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any, Self

from greenroom.model.packages import Package, unique

#: characters of the first line of an answer that are recorded
FIRST_LINE = 200
#: repeated ids or names of a list that are recorded
NAMED = 20
#: characters of a recorded value
LONGEST = 200
MASK = "********"
#: causes by the kind of a failure
_CAUSES = {
    "dns": "dns",
    "dns_unknown": "dns",
    "connect": "refused",
    "reset": "refused",
    "protocol": "refused",
    "tls": "tls",
    "timeout": "timeout",
    "redirect": "redirect",
    "forbidden_address": "forbidden_address",
    "bad_url": "forbidden_address",
    "not_json": "not_json",
    "wrong_shape": "wrong_shape",
    "invalid_package": "invalid_package",
    "too_long": "too_many",
}
_STATUSES = {
    401: "unauthorized",
    403: "unauthorized",
    404: "not_found",
    410: "not_found",
    405: "method_not_allowed",
}
#: causes that lie with the endpoint as a whole: an answer to one account shows that they have ended for all
OF_THE_ENDPOINT = ("dns", "refused", "tls", "redirect", "forbidden_address", "method_not_allowed")


@dataclass(frozen=True)
class ListCall:
    """
    The outcome of a call of a list endpoint, all its pages together.

    `problem` is the kind of the failure, None when recruiters see the list; `reason` is the sentence about it. `path`,
    `expected` and `found` describe an unexpected value, `first_line` begins an unusable answer, `target` is where a
    redirect leads. The other fields describe the list: `shown` has the labels of packages whose name is repeated, `cut`
    the limit at which Greenroom stopped reading. `url` has neither user-info nor query.
    """

    url: str
    ms: int
    status: int | None = None
    problem: str | None = None
    reason: str | None = None
    path: str | None = None
    expected: str | None = None
    found: str | None = None
    first_line: str | None = None
    target: str | None = None
    count: int = 0
    duplicate_ids: tuple[str, ...] = ()
    duplicate_names: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    cut: str | None = None
    repeats_credential: bool = False

    @property
    def cause(self) -> str | None:
        """Returns the cause of a failure as the doctor names it; None for a good list and for a local fault."""
        if self.problem != "http_status" or self.status is None:
            return _CAUSES.get(self.problem or "")
        if 300 <= self.status < 400:
            return "redirect"
        return _STATUSES.get(self.status, "client_error" if 400 <= self.status < 500 else "server_error")

    def as_json(self) -> dict[str, Any]:
        """Returns the fields that differ from their defaults as JSON values."""
        return {name: value for name, value in asdict(self).items() if value or name in ("url", "ms")}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Returns the call that `as_json` described; fields of later versions are ignored."""
        known = {one.name for one in fields(cls)}
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items() if name in known
        }
        return cls(**found)


def describe_packages(packages: Sequence[Package], key: str | None) -> dict[str, Any]:
    """Returns the fields of `ListCall` about the packages of a list, as the vendor sent them; `key` is masked."""
    ids = Counter(one.id for one in packages)
    first = {one.id: one for one in reversed(packages)}
    names = Counter(one.name for one in first.values())
    repeated = {name for name, uses in names.items() if uses > 1}
    shown = (label.name for label in unique(list(packages)) if first[label.id].name in repeated) if repeated else ()
    return {
        "count": len(packages),
        "duplicate_ids": _shorten((one for one, uses in ids.items() if uses > 1), key),
        "duplicate_names": _shorten((one for one in names if one in repeated), key),
        "shown": _shorten(shown, key),
    }


def _shorten(texts: Iterable[str], key: str | None) -> tuple[str, ...]:
    return tuple(mask_key(text, key)[:LONGEST] for text in islice(texts, NAMED))


def repeats_key(text: str, key: str | None) -> bool:
    """
    Returns whether a text contains the API key of a list endpoint.

    The key is found as it is, in its Basic encoding, and as JSON escapes either.
    """
    plain = text.replace("\\/", "/")
    return any(one in plain for one in _spellings(key))


def read_first_line(body: bytes, key: str | None) -> str | None:
    """Returns the first line of an answer with the API key masked; None if there is none, or none that may be shown."""
    text = body[: 16 * FIRST_LINE].decode(errors="replace").strip()
    if not text:
        return None
    line = mask_key("".join(one if one.isprintable() else " " for one in text.splitlines()[0]), key)
    return None if repeats_key(line, key) else line[:FIRST_LINE]


def mask_key(text: str, key: str | None) -> str:
    """Returns a text without the API key of a list endpoint, in any of its spellings."""
    for spelling in _spellings(key):
        text = text.replace(spelling, MASK)
    return text


def basic_credentials(key: str) -> str:
    """Returns the Basic credentials of a list endpoint's API key."""
    return base64.b64encode(f"{key}:".encode()).decode()


def _spellings(key: str | None) -> list[str]:
    sent = [key, basic_credentials(key).rstrip("=")] if key else []
    return [spelling for one in sent for spelling in dict.fromkeys((one, json.dumps(one)[1:-1]))]
