"""Figures and their table: each is shown beside its base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """
    One measured figure, the median over the rounds.

    `ratio` is the median of the rounds' own ratios to `base`, which `against` names. `bar` is the target for the ratio:
    at least that, or with `at_most` not more.
    """

    section: str
    name: str
    value: float
    unit: str
    against: str | None = None
    base: float | None = None
    ratio: float | None = None
    bar: float | None = None
    at_most: bool = False

    @property
    def met(self) -> bool | None:
        """Returns whether the bar is met; None without one."""
        if self.ratio is None or self.bar is None:
            return None
        return self.ratio <= self.bar if self.at_most else self.ratio >= self.bar

    @property
    def missed_by(self) -> float | None:
        """Returns the share of the bar by which it is missed; None when it is met or absent."""
        if self.ratio is None or self.bar is None or self.met:
            return None
        return abs(self.ratio - self.bar) / self.bar

    def as_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {**asdict(self), "met": self.met, "missed_by": self.missed_by}


def table(figures: Sequence[Figure]) -> str:
    """Returns a text with a line for each figure, grouped by section."""
    rows = [_row(figure) for figure in figures]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(4)]
    lines: list[str] = []
    section = None
    for figure, row in zip(figures, rows, strict=True):
        if figure.section != section:
            section = figure.section
            lines += ["", section]
        cells = [row[0].ljust(widths[0]), row[1].rjust(widths[1]), row[2].ljust(widths[2]), row[3].ljust(widths[3])]
        lines.append("  " + "   ".join(cells).rstrip())
    return "\n".join(lines).lstrip("\n")


def _row(figure: Figure) -> tuple[str, str, str, str]:
    measured = f"{number(figure.value)} {figure.unit}"
    if figure.ratio is None:
        return figure.name, measured, "", ""
    against = f"{figure.ratio:.2f} × {figure.against}"
    if figure.base is not None:
        against += f" ({number(figure.base)} {figure.unit})"
    return figure.name, measured, against, _judgement(figure)


def _judgement(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    asked = f"bar {'≤' if figure.at_most else '≥'} {figure.bar:g}"
    if figure.missed_by is None:
        return f"{asked}: met"
    far = f"{1 + figure.missed_by:.1f} times the bar" if figure.missed_by > 1 else f"missed by {figure.missed_by:.0%}"
    return f"{asked}: {far}"


def number(value: float) -> str:
    """Returns a number with three significant digits and separators of thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
