"""
Generated inputs with shrinking.

An input is a valid document with some changes applied. A failing input is reduced to the fewest changes, and each
remaining text to the fewest characters, that still fail.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

#: calls that one reduction may make
MOST_CALLS = 60

#: texts that people and other systems really send, and that break parsers, templates and databases
TEXTS = (
    "",
    "Nguyễn-O'Neill",
    "Zoë 🧪 Müller",
    "李小龍",
    "مريم",
    "e\u0301 (combining)",
    "\u200bzero\u200dwidth",
    '"quoted" \\ back',
    "<b>bold</b> & <script>",
    "'; DROP TABLE orders; --",
    "{{7*7}} ${7*7}",
    "line\nbreak\ttab",
    "x" * 2000,
    "null",
    "0",
    "\U0001d518\U0001d52b",
)


@dataclass(frozen=True)
class Change:
    """Sets the value at a path of keys and indexes in a document."""

    path: tuple[str | int, ...]
    value: Any

    def apply(self, document: Any) -> None:
        """Changes the document in place; does nothing when the path's parent does not exist."""
        parent = document
        try:
            for key in self.path[:-1]:
                parent = parent[key]
            parent[self.path[-1]] = self.value
        except (KeyError, IndexError, TypeError):
            return

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} = {self.value!r}"[:200]


@dataclass(frozen=True)
class CounterExample:
    """The smallest failing input that was found: the document, its changes to the valid one, and the failure."""

    document: Any
    changes: tuple[Change, ...]
    problem: str


def changed(document: Any, changes: Sequence[Change]) -> Any:
    """Returns a copy of a document with the changes applied."""
    made = copy.deepcopy(document)
    for change in changes:
        change.apply(made)
    return made


def cases(changes: Sequence[Change], *, seed: int, examples: int) -> Iterator[tuple[Change, ...]]:
    """Yields `examples` sets of two to five changes of different paths; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - the inputs are to be repeatable, not secret
    for _ in range(examples):
        wanted = chance.sample(changes, min(len(changes), chance.randint(2, 5)))
        yield tuple({one.path: one for one in wanted}.values())


async def find_counter_example(
    document: Any,
    inputs: Iterator[tuple[Change, ...]],
    problem_of: Callable[[Any], Awaitable[str | None]],
) -> tuple[CounterExample | None, int]:
    """
    Returns the reduced first failing input, or None, and the number of inputs tried.

    `problem_of` sends a document and returns its failure; None when the property holds.
    """
    tried = 0
    for changes in inputs:
        tried += 1
        problem = await problem_of(changed(document, changes))
        if problem is not None:
            return await _reduce(document, changes, problem, problem_of), tried
    return None, tried


async def _reduce(
    document: Any, changes: tuple[Change, ...], problem: str, problem_of: Callable[[Any], Awaitable[str | None]]
) -> CounterExample:
    calls = 0
    smaller = _smaller(changes)
    while calls < MOST_CALLS:
        candidate = next(smaller, None)
        if candidate is None:
            break
        calls += 1
        found = await problem_of(changed(document, candidate))
        if found is not None:
            changes, problem = candidate, found
            smaller = _smaller(changes)
    return CounterExample(changed(document, changes), changes, problem)


def _smaller(changes: tuple[Change, ...]) -> Iterator[tuple[Change, ...]]:
    """Yields sets that are smaller by one step, those that save most first."""
    for index in range(len(changes)):
        if len(changes) > 1:
            yield changes[:index] + changes[index + 1 :]
    for index, change in enumerate(changes):
        for value in _shorter(change.value):
            yield (*changes[:index], replace(change, value=value), *changes[index + 1 :])


def _shorter(value: Any) -> Iterator[Any]:
    if isinstance(value, str) and len(value) > 1:
        middle = len(value) // 2
        yield value[:middle]
        yield value[middle:]
        if len(value) <= 8:
            yield from (value[:index] + value[index + 1 :] for index in range(len(value)))
    elif isinstance(value, list) and value:
        yield value[: len(value) // 2]
