"""A linked customer ATS."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from greenroom.model.orders import Storage

AccountStatus = Literal["active", "inactive", "error"]


@dataclass(frozen=True)
class Account:
    """
    A linked customer ATS.

    An account is `inactive` until the customer has finished linking; its token already works. `status_reasons` are
    objects `{code, description, timestamp}`. `setup_information` has the customer's settings without the secret ones,
    `metadata` is set by the vendor. While an account is paused, calls of its ATS are refused. `store` is that of the
    integration where the account was read with it.
    """

    id: str
    project_id: str
    provider: str
    origin_owner_id: str
    origin_owner_name: str
    created_at: datetime
    updated_at: datetime
    origin_username: str | None = None
    label: str | None = None
    type: Literal["production", "test"] = "production"
    status: AccountStatus = "active"
    status_reasons: tuple[dict[str, Any], ...] = ()
    setup_information: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    paused_at: datetime | None = None
    store: Storage = "full"


@dataclass(frozen=True)
class AccountToken:
    """
    A decrypted external trigger token; `expires_at` is set once a newer token has replaced it.

    `first_used_at` and `last_used_at` are when the ATS called with it, the latter to the minute.
    """

    token: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None
    first_used_at: datetime | None = None
    last_used_at: datetime | None = None
