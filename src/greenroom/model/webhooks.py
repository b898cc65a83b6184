"""A vendor's webhooks: endpoints for events."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from greenroom.model.custom_headers import KEPT
from greenroom.model.events import ORDER_CREATED, ORDER_UPDATED, subscribed_name

#: what signs a webhook's deliveries
Signature = Literal["hmac", "ed25519", "both"]


@dataclass(frozen=True)
class Webhook:
    """
    A vendor's endpoint for events.

    `events` are the subscribed names in the vendor's spelling; empty `account_ids` means every account; `rate_limit` is
    in deliveries per second, None means unlimited. Of the events that are held for its project, the webhook receives
    those accepted from `held_since` on; None means all of them. `headers_sealed` are its custom headers, encrypted.
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
    header_names: tuple[str, ...] = ()
    headers_sealed: str | None = field(default=None, repr=False)
    signature: Signature = "hmac"

    @property
    def headers(self) -> dict[str, str]:
        """Returns the custom headers as they are shown, without their values."""
        return dict.fromkeys(self.header_names, KEPT)

    @property
    def takes_orders(self) -> bool:
        """Returns whether the webhook subscribes to an order event, of any account."""
        return any(subscribed_name(name, self.events) for name in (*ORDER_CREATED.values(), *ORDER_UPDATED.values()))

    def takes(self, event_type: str, account_id: str | None) -> str | None:
        """Returns the spelling under which this webhook subscribes to an event, or None."""
        if self.account_ids and account_id not in self.account_ids:
            return None
        return subscribed_name(event_type, self.events)


@dataclass(frozen=True)
class WebhookSecret:
    """A decrypted signing secret and its public key; `expires_at` is set once a newer secret has replaced it."""

    secret: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None
    public_key: str | None = None


class Destination(NamedTuple):
    """A webhook, the secrets and private keys that sign, newest first, and its custom headers, all in plain text."""

    webhook: Webhook
    secrets: list[str]
    headers: dict[str, str]
