"""The report of the suite: a line for each scenario, and all of them as JSON."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.chaos.books import Books

COLUMNS = ("accepted", "refused", "delivered", "requests", "duplicates", "allowed", "unrecorded", "faults", "seconds")


@dataclass
class Line:
    """One scenario. `faults` is their number, `allowed` the number of duplicates that they explain."""

    scenario: str
    accepted: int
    refused: int
    delivered: int
    requests: int
    duplicates: int
    unrecorded: int
    allowed: int
    faults: int
    seconds: float


@dataclass
class Report:
    """The lines, in the order in which scenarios end."""

    lines: list[Line] = field(default_factory=list)

    def add(self, scenario: str, books: Books, *, allowed: int, faults: int, since: float) -> None:
        """Checks that the duplicates are explained, and adds a line."""
        seconds = round(time.monotonic() - since, 1)
        line = Line(scenario, **asdict(books), allowed=allowed, faults=faults, seconds=seconds)
        self.lines.append(line)
        print(self._row(line))  # noqa: T201
        assert books.duplicates <= allowed, f"{books.duplicates} duplicates, {allowed} were in flight at the faults"

    def table(self) -> list[str]:
        """Returns header and lines."""
        head = "scenario".ljust(52) + "".join(name.rjust(12) for name in COLUMNS)
        return [head, *(self._row(line) for line in self.lines)]

    def write(self, path: Path) -> None:
        """Writes the lines as JSON."""
        path.write_text(json.dumps([asdict(line) for line in self.lines], indent=2) + "\n")

    @staticmethod
    def _row(line: Line) -> str:
        return line.scenario.ljust(52) + "".join(str(getattr(line, name)).rjust(12) for name in COLUMNS)
