"""The confusion matrix of the scenarios: which code was expected, which was found, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

#: expected where a project is healthy, and found where nothing is
HEALTHY = "healthy"
#: name of the property of a test's report, which xdist brings to the process that prints the summary
PROPERTY = "findings"

_seen: list[tuple[str, str]] = []


def record(expected: str, found: Sequence[str]) -> None:
    """Records the findings where a code, or nothing, was expected; each finding is a pair."""
    _seen.extend((expected, one) for one in found or [HEALTHY])


def take() -> list[tuple[str, str]]:
    """Returns the pairs since the last call."""
    taken = list(_seen)
    _seen.clear()
    return taken


def draw(pairs: Iterable[Sequence[str]]) -> list[str]:
    """Returns the matrix as lines: a row for each expected code, the confused ones by name."""
    rows: dict[str, Counter[str]] = {}
    for expected, found in pairs:
        rows.setdefault(expected, Counter())[found] += 1
    right = sum(row[expected] for expected, row in rows.items())
    total = sum(row.total() for row in rows.values())
    lines = [f"{len(rows.keys() - {HEALTHY})} codes expected, {right} of {total} findings right"]
    for expected, row in sorted(rows.items()):
        wrong = ", ".join(f"{code} {count}" for code, count in sorted(row.items()) if code != expected)
        lines.append(f"{expected:<36}{row[expected]:>5}" + (f"   confused with: {wrong}" if wrong else ""))
    return lines
