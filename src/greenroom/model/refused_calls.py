"""Calls of ATSs that are refused: what arrived, how it differs from a token, and counts of it in memory. No I/O."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_network
from typing import Literal
from urllib.parse import unquote

Kind = Literal[
    "token_unknown", "token_near_miss", "token_rotated", "token_as_password", "account_disconnected",
    "account_paused", "tenant_mismatch", "tenant_missing", "no_credentials", "integration_disabled",
]  # fmt: skip

#: characters of an Authorization header and of a tenant id that are kept until the header is examined
LONGEST_HEADER = 1000
LONGEST_TENANT = 100
#: different calls that are counted apart until the next flush, and as many tenants of further ones, which are counted
#: together with the data of the latest
MOST_PENDING = 64
FURTHER = "further"
#: extra notes of good calls after a refused one: this many at once, then this many in a second. A finding that is
#: mended while none is left stays until the next good call
EXTRA_NOTES = 200
EXTRA_NOTES_PER_S = 5.0
#: least characters of a token that was cut short; a shorter start is an unknown key
SHORTEST_START = 20
PREFIX = "gr_"

_QUOTES = re.compile("[\"'`´‘’‚‛“”„«»‹›]")
#: white space, and characters that no screen shows
_WHITE_SPACE = re.compile("[\\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060\ufeff]")


@dataclass(frozen=True)
class RefusedCall:
    """
    Refused calls of one kind of request, with the data of the latest one.

    `first` and `last` are monotonic times in seconds. `header` is the Authorization header.
    """

    provider: str
    tenant_id: str | None
    header: str | None = field(repr=False)
    call: str
    address: str | None
    first: float = 0.0
    last: float = 0.0
    count: int = 1


@dataclass(frozen=True)
class Key:
    """A key of a refused call and its place in the request."""

    text: str = field(repr=False)
    place: Literal["user", "password", "scheme", "plain"]


def read_keys(header: str | None) -> list[Key]:
    """
    Returns the keys in an Authorization header, the likeliest first; none if there is no key.

    `scheme` is a key of another scheme than Basic, or of none; `plain` is a user name that was not base64-encoded.
    """
    words = (header or "").split(maxsplit=1)
    if not words:
        return []
    if words[0].lower() != "basic":
        return [Key(words[-1].strip(), "scheme")]
    encoded = words[1].strip() if len(words) > 1 else ""
    try:
        decoded = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return [Key(encoded, "plain")]
    user, _, password = decoded.partition(":")
    keys = [Key(user, "user"), Key(password, "password")]
    return [one for one in keys if one.text.strip()]


def find_differences(key: str, token: str) -> list[str]:
    """Returns how a key differs from a token, as the sender may have damaged it; empty if it is another key."""
    found, text = [], key
    if "%" in text and unquote(text) != text:
        found, text = ["percent-encoded"], unquote(text).rstrip(":")
    for name, unwanted in (("quotes", _QUOTES), ("white space", _WHITE_SPACE)):
        if unwanted.search(text):
            found, text = [*found, name], unwanted.sub("", text)
    if text == token:
        return found
    if token.startswith(PREFIX) and token[len(PREFIX) :].lower().startswith(text.lower()[:SHORTEST_START]):
        found, text = [*found, f"{PREFIX} missing"], PREFIX + text
    if len(text) < SHORTEST_START:
        return []
    if token.lower().startswith(text.lower()) or token.lower().endswith(text.lower()):
        same_case = token.startswith(text) or token.endswith(text)
        return [*found, *([] if same_case else ["other case"]), *(["cut short"] if len(text) < len(token) else [])]
    return [*found, "characters added"] if token in text else []


def mask_address(address: str | None) -> str | None:
    """Returns the network of a client address: /24 of IPv4, /48 of IPv6."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return None
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


class RefusedCalls:
    """
    The refused calls of this process until the next flush, counted in memory: a flood costs one entry.

    `on_first` is called when the first call is added after a flush. `writing` serialises flushes.
    """

    def __init__(self) -> None:
        self.on_first: Callable[[], None] = lambda: None
        self.writing = asyncio.Lock()
        self._pending: dict[tuple[str, str | None, str | None], RefusedCall] = {}
        self._touched: dict[tuple[str, str | None], float] = {}
        self._tenants: set[str] = set()
        self._notes, self._notes_at = float(EXTRA_NOTES), time.monotonic()

    def add(self, provider: str, tenant_id: str | None, header: str | None, call: str, address: str | None) -> None:
        """Counts a refused call."""
        now = self.touch(provider, tenant_id if tenant_id in self._tenants else None)
        tenant_id, header = tenant_id and tenant_id[:LONGEST_TENANT], header and header[:LONGEST_HEADER]
        key = (provider, tenant_id, header)
        if key not in self._pending and len(self._pending) >= MOST_PENDING:
            key = (provider, tenant_id if len(self._pending) < 2 * MOST_PENDING else None, FURTHER)
        before = self._pending.get(key)
        one = RefusedCall(provider, tenant_id, header, call, mask_address(address), now, now)
        self._pending[key] = replace(one, first=before.first, count=before.count + 1) if before else one
        if len(self._pending) == 1 and before is None:
            self.on_first()

    def take(self) -> list[RefusedCall]:
        """Returns the calls since the last time, and forgets them."""
        taken, self._pending = list(self._pending.values()), {}
        return taken

    def touch(self, provider: str, tenant_id: str | None = None) -> float:
        """
        Makes the next good calls of a tenant be noted, because they may end a finding; returns the time.

        Without a tenant those of every tenant of the provider are noted.
        """
        now = self._touched[provider, tenant_id] = time.monotonic()
        return now

    def wants_note(self, provider: str, tenant_id: str | None, noted_at: float) -> bool:
        """Returns whether a good call must be noted again, although it was at `noted_at`; bounded in time."""
        never = float("-inf")
        touched = max(self._touched.get((provider, None), never), self._touched.get((provider, tenant_id), never))
        if touched < noted_at:
            return False
        now = time.monotonic()
        self._notes = min(EXTRA_NOTES, self._notes + (now - self._notes_at) * EXTRA_NOTES_PER_S)
        self._notes_at = now
        if self._notes < 1:
            return False
        self._notes -= 1
        return True

    def noted(self, tenant_id: str | None) -> None:
        """Remembers a tenant id as a known one, to which a refused call is attributed at once."""
        if tenant_id:
            self._tenants.add(tenant_id)
