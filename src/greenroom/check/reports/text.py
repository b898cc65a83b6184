"""The report for a terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from greenroom.check.model import Outcome, Report, Status, Suite

MARKS: dict[Status, str] = {"passed": "✓", "failed": "✗", "warning": "!", "skipped": "–"}
WIDTH = 110


def line(outcome: Outcome) -> str:
    """Returns the line of one outcome; with proof, reason, remedy and command when it did not pass."""
    head = f"{MARKS[outcome.status]} {outcome.id:<28} {outcome.title:<70} {outcome.ms:>6} ms"
    if outcome.status == "passed":
        return head
    if outcome.status == "skipped":
        return f"{head}\n    skipped: {outcome.proof}"
    rows = [("found", outcome.proof), ("why", outcome.why), ("fix", outcome.fix)]
    lines = [textwrap.fill(f"    {name + ':':<6} {text}", WIDTH, subsequent_indent=" " * 11) for name, text in rows]
    if outcome.curl:
        lines.append(f"    again: {outcome.curl}")  # one line, to be copied
    return "\n".join([head, *lines])


def summary(report: Report) -> str:
    """Returns the last line of a report."""
    counts = report.counts
    parts = [f"{counts['passed']} passed", f"{counts['failed']} failed"]
    parts += [f"{counts['warning']} with a warning"] if counts["warning"] else []
    parts += [f"{counts['skipped']} skipped"] if counts["skipped"] else []
    return f"{report.area}: {', '.join(parts)}."


def markdown(suite: Suite[Any]) -> str:
    """Returns the checks of an area as a table in Markdown."""
    rows = [f"| `{one.id}` | {one.title}. {one.why} | {one.fix} |" for one in suite.checks]
    return "\n".join(["| check | what is required, and why | what to do |", "| --- | --- | --- |", *rows])
