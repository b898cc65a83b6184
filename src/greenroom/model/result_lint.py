"""What looks wrong in a result that is accepted all the same. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from greenroom.model.results import Result


@dataclass(frozen=True)
class ResultWarning:
    """A doubt about a field; `code` is that of a finding, if there is one."""

    field: str
    message: str
    code: str | None = None


def lint(result: Result) -> list[ResultWarning]:
    """Returns the doubts about a result: its score against its range, and its dates."""
    found = _score(result)
    start, end = result.start_date, result.submission_date
    if start and end and end < start:
        found.append(ResultWarning("submission_date", "It is before start_date. Correct one of the two."))
    return found


def _score(result: Result) -> list[ResultWarning]:
    score = result.score
    if score.value is None:
        return []
    value = Decimal(score.value)
    low, high = (None if text is None else Decimal(text) for text in (score.min, score.max))
    if low is not None and high is not None and low >= high:
        return [ResultWarning("score.min", f"The range has no room: min {low} is not below max {high}.")]
    if low is not None and value < low:
        return [ResultWarning("score.value", f"{value} is below score.min, {low}.")]
    if high is not None and value > high:
        percentage = f" If {value} is a percentage, send a max of 100." if high == 1 else ""
        return [ResultWarning("score.value", f"{value} is above score.max, {high}.{percentage}")]
    if 0 < value < 1 and (high is None or high > 1):
        of = "without a range" if high is None else f"of {high}"
        shown = f"{value * 100:f}".rstrip("0").rstrip(".")
        return [
            ResultWarning(
                "score.value", f"{value} {of} looks like a fraction. Send {shown}, or a score.max of 1 with it."
            )
        ]
    return []
