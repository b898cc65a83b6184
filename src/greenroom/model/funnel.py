"""The funnel of orders: the stages that an order reaches, one after the other. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

#: ordered; notified: a webhook took its event; invited and started, as the vendor reported; done: a final result was
#: recorded; acknowledged: the ATS has read or accepted the result
Stage = Literal["ordered", "notified", "invited", "started", "done", "acknowledged"]
STAGES: tuple[Stage, ...] = get_args(Stage)


@dataclass(frozen=True)
class Reached:
    """An order of a provider that has reached a stage, and how long after it was placed."""

    stage: Stage
    provider: str
    after: timedelta


@dataclass(frozen=True)
class FunnelDay:
    """How many orders reached each stage on a day in UTC. A stage that nobody reported is not counted."""

    start: datetime
    ordered: int = 0
    notified: int = 0
    invited: int = 0
    started: int = 0
    done: int = 0
    acknowledged: int = 0

    def counts(self) -> dict[Stage, int]:
        """Returns the number of orders by stage, in the order of the funnel."""
        return {stage: getattr(self, stage) for stage in STAGES}


def total(days: Sequence[FunnelDay]) -> dict[Stage, int]:
    """Returns the sum of the days by stage."""
    return {stage: sum(getattr(day, stage) for day in days) for stage in STAGES}
