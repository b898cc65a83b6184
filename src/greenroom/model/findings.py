"""Findings: causes that were detected, each with its proof and the next step. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

#: error: somebody's work is stopped now; warning: it will be, or is degraded; notice: waits for a person
Severity = Literal["error", "warning", "notice"]
#: who can take the next step
Who = Literal["vendor", "customer", "greenhouse_support", "operator"]
SubjectType = Literal["installation", "integration", "account", "webhook", "order"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")


@dataclass(frozen=True)
class Subject:
    """The object that a finding is about; the installation has no id."""

    type: SubjectType
    id: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Finding:
    """
    A cause that was detected for one subject.

    `code` is stable and the same in command line, API, pages, docs and metrics. `proof` has observed facts alone:
    JSON values, without secrets. `count` is how often the cause was seen since `since`; `count_is` is `at_least` once
    the count has reached its bound. `account_id` and `order_id` relate a finding to further objects than its subject,
    `account_ids` and `order_ids` one of an integration to the accounts and orders in which it was seen.
    """

    code: str
    severity: Severity
    subject: Subject
    title: str
    cause: str
    next_step: str
    who: Who
    proof: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None
    last_seen_at: datetime | None = None
    count: int = 1
    count_is: Literal["exact", "at_least"] = "exact"
    account_id: str | None = None
    order_id: str | None = None
    account_ids: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str, str]:
        """Returns the identity of a finding: code and subject."""
        return self.code, self.subject.type, self.subject.id or ""
