"""The outcome of checking a partner's reply, and the readers of its JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from greenroom_sandbox.wire.strict_json import NotStrictJson, kind_of, parse

T = TypeVar("T")


@dataclass
class Checked(Generic[T]):
    """A checked reply.

    ``value`` is None when the reply is malformed; ``problems`` are the reasons, ``remarks`` are oddities that the ATS
    accepts. ``rules`` are the names of the broken rules, each once, in the order of the problems.
    """

    call: str
    value: T | None = None
    problems: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add_problem(self, rule: str, problem: str) -> None:
        """Adds a problem; ``rule`` is the rule's name, the call's prefix may be left out."""
        name = rule if rule.startswith("reply.") else f"{self.call}.{rule}"
        self.problems.append(problem)
        if name not in self.rules:
            self.rules.append(name)


def parse_json(raw: bytes, checked: Checked[T]) -> object:
    """Parses a reply; broken JSON is a problem."""
    try:
        return parse(raw)
    except NotStrictJson as error:
        checked.add_problem("reply.json", str(error))
        return None


def parse_object(raw: bytes, checked: Checked[T]) -> dict[str, object] | None:
    """Parses a reply that has to be an object; everything else is a problem."""
    reply = parse_json(raw, checked)
    if checked.problems:
        return None
    if not isinstance(reply, dict):
        checked.add_problem("object", f"reply must be an object, not {a_kind(reply)}")
        return None
    return reply


def read_text(item: dict[str, object], key: str, checked: Checked[T], where: str) -> str:
    """Returns a required text that is not empty, "" after a problem."""
    value = item.get(key)
    if key not in item:
        checked.add_problem(key, f"{where}{key} is missing")
    elif not isinstance(value, str):
        checked.add_problem(key, f"{where}{key} must be a string, not {a_kind(value)}")
    elif not value.strip():
        checked.add_problem(key, f"{where}{key} must not be empty")
    return value if isinstance(value, str) else ""


def note_unknown(item: dict[str, object], known: set[str], checked: Checked[T], where: str) -> None:
    """Adds a remark for each field that the contract does not have."""
    checked.remarks.extend(f"{where}{key} is not part of the contract and ignored" for key in item if key not in known)


def a_kind(value: object) -> str:
    """Returns the JSON name of a value's type with its article."""
    kind = kind_of(value)
    return kind if kind == "null" else f"{'an' if kind[0] in 'ao' else 'a'} {kind}"
