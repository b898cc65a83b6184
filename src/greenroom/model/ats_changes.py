"""Changes of a candidate that an ATS reports after an order was placed. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ChangeKind = Literal[
    "hired", "unhired", "rejected", "unrejected", "application_deleted", "candidate_deleted", "merged", "anonymised"
]


@dataclass(frozen=True)
class AtsChange:
    """
    A change of a candidate or of an application. All ids are the ATS's.

    `application_id` is None for a change of the candidate, which concerns all applications. `new_candidate_id` is the
    id of the candidate that remains after a merge.
    """

    kind: ChangeKind
    candidate_id: str
    application_id: str | None = None
    new_candidate_id: str | None = None
