"""Tables of accounts: connect sessions with their tokens and attempts, external trigger tokens, requests of the ATS."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    required_text("provider"),
    required_text("origin_owner_id"),
    required_text("origin_owner_name"),
    optional_text("origin_username"),
    optional_text("label"),
    required_text("type"),
    required_text("status"),
    required_text("status_reasons", default="[]"),
    required_text("setup_information", default="{}"),
    required_text("metadata", default="{}"),
    optional_text("credentials_sealed"),
    timestamp("created_at"),
    timestamp("updated_at"),
    timestamp("deleted_at", nullable=True),
    #: since when the ATS's calls are refused on the project's wish
    timestamp("paused_at", nullable=True),
    Index("ix_accounts_project_id_provider_origin_owner_id", "project_id", "provider", "origin_owner_id"),
)

#: sessions in which a customer links an account, in the hub (token) or on the hosted page (the link's code)
connect_sessions = Table(
    "connect_sessions",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    reference("project_id", "projects"),
    reference("account_id", "accounts", nullable=True),
    optional_text("provider"),
    required_text("origin_owner_id"),
    required_text("origin_owner_name"),
    optional_text("origin_username"),
    optional_text("categories"),
    optional_text("label"),
    required_text("metadata", default="{}"),
    required_text("type"),
    optional_text("integration_id"),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("link_hash", Text, nullable=False, unique=True),
    timestamp("created_at"),
    timestamp("expires_at"),
    timestamp("linked_at", nullable=True),
    #: closed by the customer, or revoked by the vendor
    timestamp("closed_at", nullable=True),
    integer("multiple", default=0),
    Index("ix_connect_sessions_project_id", "project_id"),
)

#: tokens for the hub that a session's link was exchanged for; the vendor's token is in its session
hub_tokens = Table(
    "hub_tokens",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("session_id", BigInteger, ForeignKey("connect_sessions.id", ondelete="CASCADE"), nullable=False),
    timestamp("created_at"),
    timestamp("expires_at"),
    Index("ix_hub_tokens_session_id", "session_id"),
)

#: attempts to link by consent at the ATS
connection_attempts = Table(
    "connection_attempts",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    Column("session_id", BigInteger, ForeignKey("connect_sessions.id", ondelete="CASCADE"), nullable=False),
    reference("account_id", "accounts", nullable=True),
    required_text("status"),
    optional_text("error_code"),
    optional_text("error_description"),
    timestamp("created_at"),
    timestamp("expires_at"),
    Index("ix_connection_attempts_project_id", "project_id"),
    Index("ix_connection_attempts_session_id", "session_id"),
    Index("ix_connection_attempts_account_id", "account_id"),
)

#: external trigger tokens; an account may have two during a rotation
account_tokens = Table(
    "account_tokens",
    metadata,
    id_column(),
    reference("account_id", "accounts"),
    Column("token_hash", Text, nullable=False, unique=True),
    required_text("token_sealed"),
    timestamp("created_at"),
    timestamp("expires_at", nullable=True),
    timestamp("first_used_at", nullable=True),
    timestamp("last_used_at", nullable=True),
    Index("ix_account_tokens_account_id", "account_id"),
)

#: the latest request of each kind from an account's ATS, and the status that answered it
trigger_calls = Table(
    "trigger_calls",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("call", Text, primary_key=True),
    timestamp("called_at"),
    integer("status"),
    #: host that the request named, if it is not the public URL's
    optional_text("host"),
    Index(
        "ix_trigger_calls_called_at",
        "called_at",
        postgresql_where=text("host IS NOT NULL"),
        sqlite_where=text("host IS NOT NULL"),
    ),
)

#: requests of ATSs that were refused, by kind and subject: an account's id, or a number for the hash of an unknown key
refused_calls = Table(
    "refused_calls",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    integer("count"),
    timestamp("first_at"),
    timestamp("last_at"),
    #: JSON object of the latest request: call, network of the address, and what the kind has
    required_text("detail"),
    Index("ix_refused_calls_project_id_last_at", "project_id", "last_at"),
)
