"""Vendors' results: their fields, and their effect on an order. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

Verdict = Literal["initiated", "in_progress", "cancelled", "completed", "expired", "failed", "passed"]
Outcome = Literal["passed", "failed", "needs_review", "none"]

#: verdicts that report progress; any other verdict, and a result without one, is final
PROGRESS: dict[str, Literal["invited", "in_progress"]] = {"initiated": "invited", "in_progress": "in_progress"}

#: order status for a final verdict; a verdict that is missing here completes the order
ENDS: dict[str, Literal["cancelled", "expired"]] = {"cancelled": "cancelled", "expired": "expired"}


@dataclass(frozen=True)
class Score:
    """A score: `value`, `min` and `max` are finite decimals in the vendor's notation, `label` is free text."""

    value: str | None = None
    label: str | None = None
    min: str | None = None
    max: str | None = None


@dataclass(frozen=True)
class Result:
    """
    A vendor's result of an order, with the fields of the unified result body.

    Dates are aware UTC. `verdict` is `result.value`, None when missing or unmapped; `verdict_source` is the vendor's
    own term. Every final result has a `result_url`.
    """

    score: Score = field(default_factory=Score)
    start_date: datetime | None = None
    submission_date: datetime | None = None
    summary: str | None = None
    verdict: Verdict | None = None
    verdict_source: str | None = None
    result_url: str | None = None
    attachments: tuple[dict[str, Any], ...] = ()
    candidate: dict[str, Any] | None = None
    passthrough: dict[str, Any] | None = None

    @property
    def is_final(self) -> bool:
        """Returns whether this result ends the order; a progress report does not."""
        return self.verdict not in PROGRESS

    @property
    def outcome(self) -> Outcome:
        """Returns whether the candidate passed according to the vendor."""
        if self.verdict in ("passed", "failed"):
            return self.verdict
        return "needs_review" if self.verdict_source == "needs_review" else "none"

    def as_dict(self) -> dict[str, Any]:
        """Returns the result as plain JSON values; the inverse of `from_dict`."""
        plain = asdict(self)
        plain["attachments"] = list(self.attachments)
        for name in ("start_date", "submission_date"):
            plain[name] = plain[name].isoformat() if plain[name] else None
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Result:
        """Returns the result of which `as_dict` gave these values."""
        values = dict(plain)
        values["score"] = Score(**values["score"])
        values["attachments"] = tuple(values["attachments"])
        for name in ("start_date", "submission_date"):
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        return cls(**values)


#: parts of a result that are free text or about the candidate: their values are not repeated in messages
PROSE = frozenset({"summary", "attachments", "candidate", "passthrough"})


@dataclass(frozen=True)
class Difference:
    """A field in which two results differ: its path in the unified body, and both values."""

    path: str
    first: Any
    second: Any


def differences(first: Result, second: Result) -> list[Difference]:
    """Returns the fields in which two results differ."""
    before, after = _paths(first), _paths(second)
    return [Difference(path, before[path], after[path]) for path in before if before[path] != after[path]]


def difference(first: Result, second: Result) -> str | None:
    """Returns the first field in which two results differ, as its path in the unified body, or None."""
    found = differences(first, second)
    return found[0].path if found else None


def _paths(result: Result) -> dict[str, Any]:
    plain = result.as_dict()
    names = {"verdict": "result.value", "verdict_source": "result.source_value"}
    score = {f"score.{name}": value for name, value in plain.pop("score").items()}
    return {**score, **{names.get(name, name): value for name, value in plain.items()}}


def score_number(text: str) -> int | float:
    """
    Returns a decimal's text as the JSON number that an ATS shows.

    82.50 becomes 82.5, 80.0 becomes 80.
    """
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def decimal_text(value: object) -> str:
    """
    Returns a score, a number or its text, as the text of a finite decimal.

    Raises:
        ValueError: the value is anything else, for instance "85%", NaN or infinity.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("expected a number such as 82.5")
    text = str(value).strip()
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 30 or len(text) > 64:
        raise ValueError(f"expected a finite decimal number such as 82.5, not {text[:40]!r}")
    return text
