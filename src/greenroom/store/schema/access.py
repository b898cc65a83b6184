"""Tables of the customers' access to the APIs of their ATSs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp


def _account() -> Column[str]:
    return Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True)


#: tokens of an account; `version` rises with each stored pair, and `lease` is of the process that asks for the next one
account_access = Table(
    "account_access",
    metadata,
    _account(),
    reference("project_id", "projects"),
    integer("version", default=0),
    optional_text("tokens_sealed"),
    optional_text("client_hash"),
    required_text("scopes", default="[]"),
    optional_text("connected_by"),
    timestamp("connected_at", nullable=True),
    timestamp("expires_at", nullable=True),
    timestamp("refreshed_at", nullable=True),
    timestamp("refresh_due_at", nullable=True),
    timestamp("retry_at", nullable=True),
    optional_text("lease"),
    timestamp("lease_until", nullable=True),
    optional_text("problem_code"),
    optional_text("problem_reason"),
    optional_text("problem_scope"),
    timestamp("problem_at", nullable=True),
    Index("ix_account_access_refresh_due_at", "refresh_due_at"),
)

#: the window of the rate limit of an account's API, shared by all processes
account_api_windows = Table(
    "account_api_windows",
    metadata,
    _account(),
    Column("window_id", BigInteger, nullable=False),
    timestamp("ends_at"),
    integer("spare"),
    integer("size"),
    timestamp("blocked_until"),
)

#: authorizations that a customer has begun; `browser_hash` binds each to the browser in which it began
oauth_states = Table(
    "oauth_states",
    metadata,
    id_column(),
    Column("state_hash", Text, nullable=False, unique=True),
    required_text("browser_hash"),
    reference("project_id", "projects"),
    reference("account_id", "accounts"),
    required_text("started_by"),
    optional_text("attempt_id"),
    timestamp("created_at"),
    timestamp("expires_at"),
    timestamp("used_at", nullable=True),
    Index("ix_oauth_states_expires_at", "expires_at"),
)
