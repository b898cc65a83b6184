"""Tables of people: users, members of projects, sessions, and the audit log."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

sessions = Table(
    "sessions",
    metadata,
    id_column(),
    Column("token_hash", Text, nullable=False, unique=True),
    #: None for a session of a sign-in link, an owner of every project
    optional_text("user_id"),
    #: an address prefix
    optional_text("network"),
    optional_text("user_agent"),
    timestamp("created_at"),
    timestamp("last_used_at", nullable=True),
    timestamp("expires_at"),
    Index("ix_sessions_user_id", "user_id"),
)

users = Table(
    "users",
    metadata,
    id_column(),
    Column("email", Text, nullable=False, unique=True),
    required_text("name"),
    required_text("password_hash"),
    #: pending until totp_enabled_at
    optional_text("totp_secret_sealed"),
    timestamp("totp_enabled_at", nullable=True),
    #: the last time step whose code was used: no code is used twice
    timestamp("totp_last_step", nullable=True),
    timestamp("created_at"),
    timestamp("updated_at"),
)

members = Table(
    "members",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    required_text("role"),
    timestamp("created_at"),
    Index("ix_members_user_id", "user_id"),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_hash", Text, primary_key=True),
)

#: invitations, password resets, and sign-ins that still need a code: each works once
one_time_tokens = Table(
    "one_time_tokens",
    metadata,
    id_column(),
    required_text("purpose"),
    Column("token_hash", Text, nullable=False, unique=True),
    reference("user_id", "users", nullable=True),
    reference("project_id", "projects", nullable=True),
    optional_text("email"),
    optional_text("role"),
    optional_text("created_by"),
    timestamp("created_at"),
    timestamp("expires_at"),
    Index("ix_one_time_tokens_project_id", "project_id"),
    Index("ix_one_time_tokens_expires_at", "expires_at"),
)

#: failed sign-ins per pair of address and account, as a keyed hash
sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("pair_hash", Text, primary_key=True),
    integer("failures"),
    timestamp("failed_at"),
    timestamp("blocked_until"),
    Index("ix_sign_in_failures_failed_at", "failed_at"),
)

#: changes and reveals of secrets; project_id is None for those of the installation
audit_log = Table(
    "audit_log",
    metadata,
    id_column(),
    optional_text("project_id"),
    required_text("actor_kind"),
    optional_text("actor_id"),
    optional_text("actor_name"),
    optional_text("address"),
    required_text("action"),
    optional_text("object_id"),
    required_text("detail", default="{}"),
    timestamp("at"),
    Index("ix_audit_log_project_id_id", "project_id", "id"),
    Index("ix_audit_log_project_id_object_id_id", "project_id", "object_id", "id"),
    Index("ix_audit_log_at", "at"),
)
