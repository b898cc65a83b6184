"""Tables of webhooks and their signing secrets."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Table, text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

webhooks = Table(
    "webhooks",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    required_text("name"),
    required_text("url"),
    required_text("events"),
    required_text("account_ids", default="[]"),
    integer("enabled"),
    optional_text("disabled_reason"),
    #: deliveries a second, and the time in µs since 1970 up to which they are used up: see model.rates
    Column("rate_limit", Float, nullable=True),
    Column("rate_spent_to", BigInteger, nullable=False, server_default=text("0")),
    #: events held for the project that were accepted before this time are not sent; None sends all
    timestamp("held_since", nullable=True),
    #: custom headers: their names, and names and values as sealed JSON
    required_text("header_names", default="[]"),
    optional_text("headers_sealed"),
    #: what signs the deliveries: hmac, ed25519 or both
    required_text("signature", default="hmac"),
    #: when the project was last notified that the webhook fails, and that a delivery to it is dead-lettered
    Column("failing_told_at", BigInteger, nullable=False, server_default=text("0")),
    Column("exhausted_told_at", BigInteger, nullable=False, server_default=text("0")),
    timestamp("created_at"),
    timestamp("updated_at"),
    Index("ix_webhooks_project_id", "project_id"),
    Index(
        "ix_webhooks_limited",
        "id",
        postgresql_where=text("rate_limit IS NOT NULL"),
        sqlite_where=text("rate_limit IS NOT NULL"),
    ),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    id_column(),
    reference("webhook_id", "webhooks"),
    required_text("secret_sealed"),
    #: the ed25519 key pair that is rotated with the secret; none for secrets from before it existed
    optional_text("private_key_sealed"),
    optional_text("public_key"),
    timestamp("created_at"),
    timestamp("expires_at", nullable=True),
    Index("ix_webhook_secrets_webhook_id", "webhook_id"),
)
