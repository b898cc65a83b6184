"""Parsing of forms and query strings."""

from __future__ import annotations

from urllib.parse import parse_qs

from aiohttp import web

from greenroom_sandbox.errors import Refused, TooLarge

MOST_FIELDS = 10_000


class Form:
    """The texts of a form by name, without surrounding white space.

    A missing field counts as empty, as in an empty form.
    """

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """Returns a text, "" when the field is empty."""
        return self._values.get(name, [""])[0].strip()

    def optional(self, name: str) -> str | None:
        """Returns a text, None when the field is empty."""
        return self.text(name) or None

    def required(self, name: str) -> str:
        """Returns a text. Raises: `Refused` when the field is empty."""
        text = self.text(name)
        if not text:
            raise Refused("is required", name)
        return text

    def number(self, name: str) -> int | None:
        """Returns a whole number, None when the field is empty.

        Raises: `Refused` when it is something else.
        """
        text = self.text(name)
        return _number(text, name) if text else None

    def numbers(self, name: str) -> list[int]:
        """Returns the numbers of a group of check boxes or of a list. Raises: `Refused`."""
        return [_number(text.strip(), name) for text in self._values.get(name, []) if text.strip()]

    def texts(self, name: str) -> list[str]:
        """Returns the texts of a group of check boxes."""
        return [text.strip() for text in self._values.get(name, []) if text.strip()]

    def on(self, name: str) -> bool:
        """Whether a check box is ticked."""
        return bool(self.text(name))

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """Returns one of the choices. Raises: `Refused` when it is none of them."""
        text = self.text(name)
        if text not in choices:
            raise Refused(f"must be one of {', '.join(choices)}", name)
        return text


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused("must be a whole number", name)
    return int(text)


async def read(request: web.Request) -> Form:
    """Parses the request's form, urlencoded as a browser sends it."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge("the form is above 1 MiB") from None
    return _parsed(raw.decode("utf-8", errors="replace"))


def query(request: web.Request) -> Form:
    """Parses the query of the request's address as a form."""
    return _parsed(request.rel_url.raw_query_string)


def _parsed(text: str) -> Form:
    try:
        return Form(parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Refused(f"The form has more than {MOST_FIELDS} fields") from None
