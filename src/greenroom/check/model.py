"""Checks, their outcomes and the report of a run. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

Status = Literal["passed", "failed", "warning", "skipped"]
STATUSES: tuple[Status, ...] = ("failed", "warning", "skipped", "passed")
S = TypeVar("S")


class Finding(Exception):
    """
    Ends a check that did not pass.

    `proof` describes the observation, `curl` is a command that repeats the request.
    """

    status: Status = "failed"

    def __init__(self, proof: str, *, curl: str | None = None) -> None:
        super().__init__(proof)
        self.proof = proof
        self.curl = curl


class Failed(Finding):
    """The vendor's code breaks the contract: orders or results would be lost, or forged ones accepted."""


class Warned(Finding):
    """The vendor's code works, but a recruiter, a candidate or an operator would notice the difference."""

    status: Status = "warning"


class Skipped(Finding):
    """The check does not apply, or an earlier failure makes it meaningless."""

    status: Status = "skipped"


@dataclass(frozen=True)
class Check(Generic[S]):
    """One requirement: its stable id, the requirement, the reason, the remedy, and the function that judges it."""

    id: str
    title: str
    why: str
    fix: str
    run: Callable[[S], Awaitable[str]]


@dataclass
class Suite(Generic[S]):
    """The checks of one area, in the order in which they run."""

    area: str
    checks: list[Check[S]] = field(default_factory=list)

    def check(
        self, name: str, title: str, *, why: str, fix: str
    ) -> Callable[[Callable[[S], Awaitable[str]]], Callable[[S], Awaitable[str]]]:
        """
        Registers a function as a check.

        The function returns the proof of a pass, or raises a `Finding`.
        """

        def register(run: Callable[[S], Awaitable[str]]) -> Callable[[S], Awaitable[str]]:
            self.checks.append(Check(f"{self.area}.{name}", title, why, fix, run))
            return run

        return register


@dataclass(frozen=True)
class Outcome:
    """The outcome of one check."""

    id: str
    title: str
    why: str
    fix: str
    status: Status
    proof: str
    ms: int
    curl: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the outcome as plain JSON values; the remedy only when there is something to remedy."""
        plain: dict[str, Any] = {
            "id": self.id, "status": self.status, "title": self.title, "why": self.why, "proof": self.proof,
            "ms": self.ms,
        }  # fmt: skip
        if self.status in ("failed", "warning"):
            plain |= {"fix": self.fix, "curl": self.curl}
        return plain


@dataclass(frozen=True)
class Report:
    """The outcomes of one run against one target."""

    area: str
    target: str
    started_at: str
    seed: int
    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> dict[Status, int]:
        """Returns the number of outcomes per status."""
        found = Counter(one.status for one in self.outcomes)
        return {status: found[status] for status in STATUSES}

    @property
    def ok(self) -> bool:
        """Returns whether no check failed."""
        return not self.counts["failed"]

    def as_dict(self) -> dict[str, Any]:
        """Returns the report as plain JSON values."""
        return {
            "area": self.area,
            "target": self.target,
            "started_at": self.started_at,
            "seed": self.seed,
            "ok": self.ok,
            "counts": self.counts,
            "checks": [one.as_dict() for one in self.outcomes],
        }
