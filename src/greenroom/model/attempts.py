"""A finished delivery attempt: one HTTP request and its outcome. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from greenroom.errors import RemoteError
from greenroom.model.deliveries import Claimed, Nudging, State
from greenroom.model.funnel import Reached

#: the `error_kind` of an attempt whose worker died, or whose lease expired, before the result was recorded
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Exchange:
    """An HTTP request and its answer without credentials; bodies are text of limited length."""

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    address: str | None = None


@dataclass(frozen=True)
class FinishedAttempt:
    """
    A finished attempt. `fault` None means success; recording the same `id` twice has no further effect.

    `nudging` is that of an ATS which reads results after a notification; None where the request carried all.
    """

    id: str
    claimed: Claimed
    started_at: datetime
    duration: timedelta
    fault: RemoteError | None
    exchange: Exchange
    nudging: Nudging | None = None


@dataclass(frozen=True)
class Recorded:
    """
    The state of a delivery after an attempt; `next_due_at` is set while it waits for another attempt.

    `reached` has the stages of the funnel that the delivery's order has reached by it.
    """

    state: State
    next_due_at: datetime | None
    reached: tuple[Reached, ...] = ()
