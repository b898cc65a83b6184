"""A replay: deliveries of one webhook, sent again as a job in the background."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from greenroom.model.deliveries import State

Status = Literal["delivered", "dead", "cancelled", "held", "any"]
Progress = Literal["running", "done", "cancelled"]

ENDED: tuple[State, ...] = ("dead", "cancelled", "held", "delivered")


@dataclass(frozen=True)
class Replay:
    """A job. `total` was counted when it was made; `done` counts what it has put on its way again."""

    id: str
    webhook_id: str
    state: Progress
    total: int
    done: int
    created_at: datetime


def states_of(status: Status) -> tuple[State, ...]:
    """The states that a status asks for."""
    return ENDED if status == "any" else (status,)
