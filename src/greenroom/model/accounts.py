"""A linked customer ATS."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

AccountStatus = Literal["active", "inactive", "error"]


@dataclass(frozen=True)
class Account:
    """
    A linked customer ATS.

    `inactive` while linking is unfinished: its token was shown to the customer already, and works. `status_reasons` are
    objects `{code, description, timestamp}`. `setup_information` is what the customer gave that is not secret,
    `metadata` what the vendor noted.
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


@dataclass(frozen=True)
class AccountToken:
    """An external trigger token in the open; `expires_at` is set once a newer one has replaced it."""

    token: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None
