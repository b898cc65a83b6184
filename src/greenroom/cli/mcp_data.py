"""Masks personal fields and marks other people's text as data, for the MCP server."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from greenroom.model.orders import Order

MASKED = "[masked]"
#: characters of one text, items of one list
LONGEST, MOST = 500, 20
#: shorter names are words of any text
SHORTEST_NAME = 3
_EMAIL = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+\.[^\s<>\"'(),;:]+")


class Marker:
    """
    Wraps text of candidates, customers, vendors and ATSs as `{"untrusted": text}`.

    Unless `shows_personal`, e-mail addresses and the candidate's known values are masked in it.
    """

    def __init__(self, *, shows_personal: bool = False, personal: Sequence[str] = ()) -> None:
        self.shows_personal = shows_personal
        values = sorted({one for one in personal if len(one) >= SHORTEST_NAME}, key=len, reverse=True)
        self._personal = re.compile("|".join(map(re.escape, values)), re.IGNORECASE) if values else None

    def about(self, order: Order) -> Marker:
        """Returns a marker that also masks the values of an order's candidate and requester."""
        known = [one for one in asdict(order.request.candidate).values() if isinstance(one, str)]
        if order.request.requester_email:
            known.append(order.request.requester_email)
        if order.result is not None:
            known += [one for one in (order.result.summary, order.result.result_url) if one]
        return Marker(shows_personal=self.shows_personal, personal=known)

    def text(self, value: str | None) -> dict[str, str] | None:
        """Returns a text as data, on one line and cut to `LONGEST`; None for none."""
        if value is None:
            return None
        plain = "".join(one if one.isprintable() else " " for one in value)
        return {"untrusted": self._mask(plain)[:LONGEST]}

    def personal(self, value: str | None) -> dict[str, str] | str | None:
        """Returns a personal value as data if such values are shown, else only that there is one."""
        if value is None:
            return None
        return self.text(value) if self.shows_personal else MASKED

    def value(self, value: Any) -> Any:
        """Returns a JSON value in which every text is data; names of fields and numbers stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._mask(str(name))[:LONGEST]: self.value(one) for name, one in [*value.items()][:MOST]}
        if isinstance(value, (list, tuple)):
            return [self.value(one) for one in value[:MOST]]
        return value

    def _mask(self, text: str) -> str:
        if self.shows_personal:
            return text
        text = _EMAIL.sub(MASKED, text)
        return self._personal.sub(MASKED, text) if self._personal else text
