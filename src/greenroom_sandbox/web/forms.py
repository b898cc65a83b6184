"""What a page's form sent."""

from __future__ import annotations

from urllib.parse import parse_qs

from aiohttp import web

from greenroom_sandbox.errors import Refused, TooLarge

MOST_FIELDS = 10_000


class Form:
    """Texts by name, white space around them gone. An absent one is empty, for an empty form shows just that."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """A text, "" when there is none."""
        return self._values.get(name, [""])[0].strip()

    def optional(self, name: str) -> str | None:
        """A text, None when there is none."""
        return self.text(name) or None

    def required(self, name: str) -> str:
        """A text; refused when there is none."""
        text = self.text(name)
        if not text:
            raise Refused("is required", name)
        return text

    def number(self, name: str) -> int | None:
        """A whole number, None when there is none; refused when it is something else."""
        text = self.text(name)
        return _number(text, name) if text else None

    def numbers(self, name: str) -> list[int]:
        """The numbers of a group of check boxes or of a list."""
        return [_number(text.strip(), name) for text in self._values.get(name, []) if text.strip()]

    def on(self, name: str) -> bool:
        """Whether a check box is ticked."""
        return bool(self.text(name))

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """A choice; refused when it is none of them."""
        text = self.text(name)
        if text not in choices:
            raise Refused(f"must be one of {', '.join(choices)}", name)
        return text


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise Refused("must be a whole number", name)
    return int(text)


async def read(request: web.Request) -> Form:
    """The request's form, urlencoded as a browser sends it."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge("the form is above 1 MiB") from None
    return _parsed(raw.decode("utf-8", errors="replace"))


def query(request: web.Request) -> Form:
    """The address's query, read the same way."""
    return _parsed(request.rel_url.raw_query_string)


def _parsed(text: str) -> Form:
    try:
        return Form(parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise Refused(f"The form has more than {MOST_FIELDS} fields") from None
