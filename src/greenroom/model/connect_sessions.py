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
    customer has finished. `multiple` says that another account is linked even if the owner has one.
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
    multiple: bool = False


#: open; its token or link has expired; it was finished some time ago; it was closed or revoked
SessionState = Literal["open", "expired", "used", "closed"]


@dataclass(frozen=True)
class HubSession:
    """
    An open connect session, as the token of a request opens it.

    `token_hash` identifies the token: a session has the vendor's, and one for each time that its link was opened.
    `expires_at` is that token's, which use moves up to `can_extend_until`.
    """

    session: ConnectSession
    token_hash: str = field(repr=False)
    expires_at: datetime
    can_extend_until: datetime
