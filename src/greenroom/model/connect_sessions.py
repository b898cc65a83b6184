"""A session in which a customer links their ATS, opened by the vendor for one owner."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True)
class ConnectSession:
    """
    A session in which a customer links a new account or edits an existing one.

    `account_id` and `provider` are None while the customer may still choose the provider. `linked_at` is set once the
    customer has finished.
    """

    id: int
    project_id: str
    origin_owner_id: str
    origin_owner_name: str
    created_at: datetime
    expires_at: datetime
    origin_username: str | None = None
    provider: str | None = None
    account_id: str | None = None
    categories: tuple[str, ...] | None = None
    label: str | None = None
    type: Literal["production", "test"] = "production"
    metadata: dict[str, Any] = field(default_factory=dict)
    integration_id: str | None = None
    linked_at: datetime | None = None
