"""A vendor's workspace and the keys that open it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Project:
    """
    A vendor's workspace: everything else belongs to one. `key_id` is the API key that opened it, where one did.

    `retention_days` is how long its events, ended deliveries and attempts are kept, None: as long as everybody's.
    """

    id: str
    name: str
    key_id: str | None = None
    retention_days: int | None = None


@dataclass(frozen=True)
class ApiKey:
    """An API key as it can be shown: `hint` is its last four characters."""

    id: str
    project_name: str
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
