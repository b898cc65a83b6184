"""An attempt that has ended: one HTTP request, and what came of it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from greenroom.errors import RemoteError
from greenroom.model.deliveries import Claimed, State

#: the `error_kind` of an attempt whose worker died, or outlived its lease, before the result was recorded
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Exchange:
    """One HTTP request as it may be shown: credentials are not in it. Bodies are capped text."""

    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    address: str | None = None


@dataclass(frozen=True)
class FinishedAttempt:
    """An attempt that has ended: `fault` None means success. `id` is its record's, however often that is written."""

    id: str
    claimed: Claimed
    started_at: datetime
    duration: timedelta
    fault: RemoteError | None
    exchange: Exchange


@dataclass(frozen=True)
class Recorded:
    """Where a delivery is after an attempt; `next_due_at` while it waits for another one."""

    state: State
    next_due_at: datetime | None
