"""Recruiting webhooks: their configuration and their deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from greenroom_sandbox.model.record import Record

Action = Literal[
    "candidate_stage_change",
    "new_candidate_application",
    "hire_candidate",
    "unhire_candidate",
    "reject_candidate",
    "unreject_candidate",
    "update_candidate",
    "candidate_anonymized",
    "delete_application",
    "delete_candidate",
    "merge_candidate",
]
DeliveryState = Literal["pending", "delivered", "failed"]


class Hook(Record):
    """A subscription to one event of a customer.

    A ping that is answered 200 enables it.
    """

    organization_id: int
    name: str
    url: str
    secret: str
    action: Action
    enabled: bool = False
    username: str | None = None
    password: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)


class HookDelivery(Record):
    """An event for one webhook.

    Every attempt sends the same ``body`` under the same ``event_id``.
    """

    hook_id: int
    event_id: str
    action: str
    body: str
    state: DeliveryState = "pending"
    attempts: int = 0
    next_at: datetime | None = None
