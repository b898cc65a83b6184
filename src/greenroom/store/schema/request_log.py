"""Tables of the request log."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp


def _call_columns() -> list[Column[Any]]:
    """Returns the columns of a request or step; `detail_sealed` has its stored headers and bodies."""
    return [
        id_column(),
        reference("project_id", "projects"),
        optional_text("account_id"),
        optional_text("provider"),
        optional_text("service"),
        optional_text("resource"),
        optional_text("child_resource"),
        optional_text("sub_resource"),
        optional_text("action"),
        required_text("method"),
        required_text("path"),
        required_text("url"),
        Column("status", Integer, nullable=True),
        integer("duration_ms"),
        timestamp("started_at"),
        optional_text("detail_sealed"),
    ]


#: requests of a project, kept for GREENROOM_LOG_RETENTION_DAYS days
request_logs = Table(
    "request_logs",
    metadata,
    *_call_columns(),
    #: list that shows the request: unified or platform
    required_text("listed"),
    optional_text("category"),
    required_text("source_type"),
    optional_text("source_value"),
    optional_text("source_id"),
    optional_text("source_ip"),
    Index("ix_request_logs_project_id_listed_id", "project_id", "listed", "id"),
    Index("ix_request_logs_project_id_account_id_id", "project_id", "account_id", "id"),
    Index("ix_request_logs_started_at", "started_at"),
)

#: outbound calls made during a request; the id is the request's id with a number
request_steps = Table(
    "request_steps",
    metadata,
    *_call_columns(),
    reference("request_id", "request_logs"),
    optional_text("error"),
    Index("ix_request_steps_project_id_id", "project_id", "id"),
    Index("ix_request_steps_request_id", "request_id"),
)

#: orders of the project that a request with stored bodies refers to
request_orders = Table(
    "request_orders",
    metadata,
    Column("request_id", Text, ForeignKey("request_logs.id", ondelete="CASCADE"), primary_key=True),
    Column("order_id", Text, primary_key=True),
    Index("ix_request_orders_order_id", "order_id"),
)
