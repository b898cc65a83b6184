"""Forms: the submitted values, and the errors beside their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from greenroom.errors import Refused


@dataclass
class Form:
    """
    The values of a form as a page shows them: stored ones at first, submitted ones after a refusal.

    Templates pass it to the field macros. `summary` is the sentence on top of a refused form.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    summary: str | None = None

    @classmethod
    def submitted(cls, fields: Mapping[str, Sequence[str]]) -> Form:
        """Returns a form with the submitted values; a field that was sent several times keeps its list."""
        return cls({name: values[0] if len(values) == 1 else list(values) for name, values in fields.items()})

    def get(self, name: str, default: str = "") -> str:
        """Returns a field's value as text, without spaces around it."""
        value = self.values.get(name)
        if isinstance(value, list):
            value = value[-1]
        return default if value is None else str(value).strip()

    def get_all(self, name: str) -> list[str]:
        """Returns every value of a field such as a group of check boxes."""
        value = self.values.get(name)
        if value is None:
            return []
        return [str(one) for one in value] if isinstance(value, list | tuple | set | frozenset) else [str(value)]

    def has(self, name: str, value: str = "on") -> bool:
        """Returns whether a check box or a choice is set."""
        return value in self.get_all(name) or self.values.get(name) is True

    def error(self, name: str) -> str | None:
        """Returns the error of a field."""
        return self.errors.get(name)

    def refuse(self, error: Refused) -> Form:
        """
        Adds a service's refusal.

        A line such as `url: expected https` stands beside the field `url`; a line whose field the form does not show
        stands in the summary.
        """
        for line in error.errors or []:
            name, colon, text = line.partition(": ")
            if colon and text:
                self.errors.setdefault(name, text[:1].upper() + text[1:])
        self.summary = error.message
        return self

    @property
    def is_refused(self) -> bool:
        """Returns whether the form has an error."""
        return bool(self.errors or self.summary)
