"""A vendor's endpoint for events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from greenroom.model.events import ORDER_CREATED, subscribed_name

#: a webhook and the secrets that sign, newest first
Destination = tuple["Webhook", list[str]]


@dataclass(frozen=True)
class Webhook:
    """
    A vendor's endpoint. `events` in the spelling subscribed; empty `account_ids` means every account; `rate_limit` is
    how many deliveries a second it takes, None: any number. Of the events that its project holds, it is sent those
    accepted from `held_since` on, None: all.
    """

    id: str
    project_id: str
    name: str
    url: str
    events: tuple[str, ...]
    account_ids: tuple[str, ...]
    enabled: bool
    disabled_reason: str | None
    created_at: datetime
    updated_at: datetime
    rate_limit: float | None = None
    held_since: datetime | None = None

    @property
    def takes_orders(self) -> bool:
        """Whether it subscribes to an order event, of whatever account."""
        return any(subscribed_name(name, self.events) for name in ORDER_CREATED.values())

    def takes(self, event_type: str, account_id: str | None) -> str | None:
        """The spelling in which this webhook wants the event; None when it does not want it."""
        if self.account_ids and account_id not in self.account_ids:
            return None
        return subscribed_name(event_type, self.events)
