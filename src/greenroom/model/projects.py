"""A vendor's workspace and its API keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

#: what an API key may do
Scope = Literal["read", "write", "admin"]
#: rising: each scope includes those before it
SCOPES: tuple[Scope, ...] = get_args(Scope)


def has_scope(scope: Scope, needed: Scope) -> bool:
    """Returns whether a scope includes the needed one."""
    return SCOPES.index(scope) >= SCOPES.index(needed)


@dataclass(frozen=True)
class Project:
    """
    A vendor's workspace, which owns accounts, orders and webhooks.

    `key_id`, `key_name` and `scope` are those of the API key of the current request.
    `retention_days` is how long its events, ended deliveries and attempts are kept; None means the installation's
    default. `order_retention_days` is after how many days the content of its orders is erased; None means never.
    """

    id: str
    name: str
    key_id: str | None = None
    retention_days: int | None = None
    key_name: str | None = None
    scope: Scope = "admin"
    order_retention_days: int | None = None


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
    scope: Scope = "admin"
    expires_at: datetime | None = None
