"""Table of a project's integrations, one for each provider."""

from __future__ import annotations

from sqlalchemy import Index, Table

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

integrations = Table(
    "integrations",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    required_text("provider"),
    integer("enabled"),
    required_text("authentication_type"),
    required_text("partner_category"),
    optional_text("tenant_id"),
    optional_text("packages_url"),
    optional_text("packages_api_key_sealed"),
    optional_text("partner_username"),
    optional_text("partner_password_sealed"),
    optional_text("package_id"),
    optional_text("package_name"),
    required_text("callback_auth"),
    required_text("callback_hosts"),
    optional_text("harvest_client_id"),
    optional_text("harvest_client_secret_sealed"),
    required_text("signing_secret_sealed"),
    optional_text("order_check_url"),
    #: full or minimal: see model.integrations.Store
    required_text("store", default="full"),
    #: link or store: see model.integrations.Integration
    required_text("resume", default="link"),
    #: values of the connector's fields that have no column of their own
    optional_text("settings_sealed"),
    #: the secret before the last rotation, which also signs until it expires
    optional_text("previous_secret_sealed"),
    timestamp("previous_secret_expires_at", nullable=True),
    timestamp("created_at"),
    timestamp("updated_at"),
    Index("uq_integrations_project_id_provider", "project_id", "provider", unique=True),
)
