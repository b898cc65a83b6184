"""A replay: events sent to one webhook, again or for the first time, as a job in the background."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from greenroom.model.deliveries import State

Status = Literal["undelivered", "missing", "delivered", "dead", "cancelled", "held", "any"]
#: what a job goes through: deliveries in a state, or events of which the webhook has no delivery
Part = State | Literal["missing"]
Progress = Literal["running", "done", "cancelled"]

_PARTS: dict[Status, tuple[Part, ...]] = {
    "undelivered": ("dead", "missing"),
    "any": ("dead", "cancelled", "held", "delivered", "missing"),
}


@dataclass(frozen=True)
class Replay:
    """A job. `total` was counted when it was made; `done` counts what it has put on its way again."""

    id: str
    webhook_id: str
    state: Progress
    total: int
    done: int
    created_at: datetime


def parts_of(status: Status) -> tuple[Part, ...]:
    """What a status asks for; events without a delivery come last, when each of them is sure to have none."""
    return _PARTS.get(status) or (cast("Part", status),)
