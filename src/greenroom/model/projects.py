"""A vendor's workspace and its API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Project:
    """
    A vendor's workspace, which owns accounts, orders and webhooks. `key_id` is the API key of the current request.

    `retention_days` is how long its events, ended deliveries and attempts are kept; None means the installation's
    default.
    """

    id: str
    name: str
    key_id: str | None = None
    retention_days: int | None = None


@dataclass(frozen=True)
class ApiKey:
    """An API key without its secret; `hint` is its last four characters."""

    id: str
    project_name: str
    name: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
