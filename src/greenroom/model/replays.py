"""Replays: background jobs that send events to one webhook, again or for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from greenroom.model.deliveries import State

Status = Literal["undelivered", "missing", "delivered", "dead", "cancelled", "held", "any"]
#: one part of a job: deliveries in a state, or events without a delivery to the webhook
Part = State | Literal["missing"]
Progress = Literal["running", "done", "cancelled"]

_PARTS: dict[Status, tuple[Part, ...]] = {
    "undelivered": ("dead", "missing"),
    "any": ("dead", "cancelled", "held", "delivered", "missing"),
}


@dataclass(frozen=True)
class Replay:
    """A replay job. `total` was counted when the job was created; `done` counts the deliveries queued so far."""

    id: str
    webhook_id: str
    state: Progress
    total: int
    done: int
    created_at: datetime


def parts_of(status: Status) -> tuple[Part, ...]:
    """
    Returns the parts of a job for a requested status.

    Events without a delivery come last: by then the job has queued every existing delivery.
    """
    return _PARTS.get(status) or (cast("Part", status),)
