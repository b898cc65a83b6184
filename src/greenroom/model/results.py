"""A vendor's result: what it may say, and what it means for the order. No I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

Verdict = Literal["initiated", "in_progress", "cancelled", "completed", "expired", "failed", "passed"]
Outcome = Literal["passed", "failed", "needs_review", "none"]

#: verdicts that report progress; every other one, and none at all, is final
PROGRESS: dict[str, Literal["invited", "in_progress"]] = {"initiated": "invited", "in_progress": "in_progress"}

#: how a final verdict ends an order; what is not here completes it
ENDS: dict[str, Literal["cancelled", "expired"]] = {"cancelled": "cancelled", "expired": "expired"}


@dataclass(frozen=True)
class Score:
    """`value`, `min` and `max` are finite decimals in the vendor's own notation; `label` is free text."""

    value: str | None = None
    label: str | None = None
    min: str | None = None
    max: str | None = None


@dataclass(frozen=True)
class Result:
    """
    What a vendor says of an order, in the words of the unified result body.

    Dates are aware UTC. `verdict` is `result.value`, None when left out or unmapped; `verdict_source` is the vendor's
    own word. `result_url` is present on every final result.
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
        """Whether this ends the order; progress may still be followed by a result."""
        return self.verdict not in PROGRESS

    @property
    def outcome(self) -> Outcome:
        """Whether the candidate passed, as far as the vendor says."""
        if self.verdict in ("passed", "failed"):
            return self.verdict
        return "needs_review" if self.verdict_source == "needs_review" else "none"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; the inverse of `from_dict`."""
        plain = asdict(self)
        plain["attachments"] = list(self.attachments)
        for name in ("start_date", "submission_date"):
            plain[name] = plain[name].isoformat() if plain[name] else None
        return plain

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Result:
        """A result from what `as_dict` gave."""
        values = dict(plain)
        values["score"] = Score(**values["score"])
        values["attachments"] = tuple(values["attachments"])
        for name in ("start_date", "submission_date"):
            values[name] = datetime.fromisoformat(values[name]) if values[name] else None
        return cls(**values)


def difference(first: Result, second: Result) -> str | None:
    """The first field in which two results differ, as its path in the unified body; None when they say the same."""
    before, after = first.as_dict(), second.as_dict()
    for name in before:
        if before[name] != after[name]:
            if name == "score":
                part = next(key for key in before["score"] if before["score"][key] != after["score"][key])
                return f"score.{part}"
            return {"verdict": "result.value", "verdict_source": "result.source_value"}.get(name, name)
    return None


def decimal_text(value: object) -> str:
    """
    A score as the text of a finite decimal; takes a number or its text.

    Raises:
        ValueError: anything else, "85%", NaN and infinity among them.
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
