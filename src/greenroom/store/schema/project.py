"""Tables of projects: their hub, API keys and idempotency keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

projects = Table(
    "projects",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    #: days; None means GREENROOM_RETENTION_DAYS
    Column("retention_days", Integer, nullable=True),
    #: days after which the content of orders is erased; None means never
    Column("order_retention_days", Integer, nullable=True),
    #: the content of all orders up to this id was erased by retention
    optional_text("orders_erased_up_to"),
    timestamp("created_at"),
    #: since when the project is gone for everybody; maintenance deletes its rows in batches
    timestamp("deleted_at", nullable=True),
    #: when the background job last diagnosed it
    Column("diagnosed_at", BigInteger, nullable=False, server_default=text("0")),
    #: least severity of findings that are alerted by e-mail: error or warning
    required_text("alert_severity", default="error"),
    Index("ix_projects_diagnosed_at", "diagnosed_at"),
)

#: a project's hub: its look, and the origins that may embed it
hub_settings = Table(
    "hub_settings",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    required_text("allowed_origins", default="[]"),
    optional_text("accent"),
    optional_text("logo_url"),
    optional_text("product_name"),
    timestamp("updated_at"),
)

#: origins of pages that tried to show a project's hub and are not allowed, and when each was refused last
refused_origins = Table(
    "refused_origins",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("origin", Text, primary_key=True),
    timestamp("refused_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    required_text("name"),
    required_text("hint"),
    #: read, write or admin: see model.projects.Scope
    required_text("scope", default="admin"),
    Column("key_hash", Text, nullable=False, unique=True),
    timestamp("created_at"),
    timestamp("last_used_at", nullable=True),
    timestamp("revoked_at", nullable=True),
    timestamp("expires_at", nullable=True),
    #: start of the current rate limit window, and the requests counted in it
    timestamp("window_started_at", nullable=True),
    integer("window_used", default=0),
    Index("ix_api_keys_project_id", "project_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    required_text("fingerprint"),
    Column("status", Integer, nullable=True),
    optional_text("response_sealed"),
    #: order in the stored answer
    optional_text("order_id"),
    timestamp("created_at"),
    Index(
        "ix_idempotency_keys_order_id",
        "order_id",
        postgresql_where=text("order_id IS NOT NULL"),
        sqlite_where=text("order_id IS NOT NULL"),
    ),
)
