"""Tables of orders, their logs, and the errors that an ATS reported."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

orders = Table(
    "orders",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    reference("account_id", "accounts"),
    required_text("provider"),
    required_text("category"),
    required_text("source"),
    #: key by which a repeated request is recognized: one of `OrderRequest.dedupe_keys`
    required_text("dedupe_key"),
    required_text("package_id"),
    optional_text("package_name"),
    required_text("candidate_email"),
    #: the candidate's id at the ATS
    optional_text("candidate_remote_id"),
    #: hired, rejected or deleted, as the ATS reported it
    optional_text("application_status"),
    #: the integration's `store` when the order was placed; None means full
    optional_text("store"),
    required_text("request"),
    required_text("raw"),
    optional_text("callback_url"),
    #: digest of the callback URL; set when the content is erased
    optional_text("callback_hash"),
    optional_text("callback_problem"),
    optional_text("previous_id"),
    required_text("status"),
    optional_text("status_message"),
    required_text("outcome"),
    required_text("delivery"),
    optional_text("delivery_detail"),
    optional_text("result"),
    #: when the vendor reported that the candidate was invited, and has started
    timestamp("invited_at", nullable=True),
    timestamp("started_at", nullable=True),
    timestamp("result_at", nullable=True),
    timestamp("acknowledged_at", nullable=True),
    #: when the content, with everything about the candidate, was erased
    timestamp("expunged_at", nullable=True),
    #: time of the newest update for the ATS, in ms; the next update's is later
    Column("update_ms", BigInteger, nullable=False, server_default=text("0")),
    #: JSON of `model.enrichment.Enrichment`
    optional_text("enrichment"),
    timestamp("created_at"),
    timestamp("updated_at"),
    # begins with the key: of two indexes that begin with account_id, a planner without statistics may use the wrong one
    Index("uq_orders_dedupe_key_account_id", "dedupe_key", "account_id", unique=True),
    Index("ix_orders_project_id_id", "project_id", "id"),
    #: for the tab of refused orders and for Home; few orders are refused
    Index(
        "ix_orders_refused",
        "project_id",
        "id",
        postgresql_where=text("delivery = 'refused'"),
        sqlite_where=text("delivery = 'refused'"),
    ),
    #: for orders that make no progress
    Index(
        "ix_orders_open",
        "project_id",
        "id",
        postgresql_where=text("status IN ('received', 'accepted', 'invited', 'in_progress')"),
        sqlite_where=text("status IN ('received', 'accepted', 'invited', 'in_progress')"),
    ),
    Index("ix_orders_latest", "account_id", "candidate_email", "package_id", "id"),
    #: for an ATS's events about a candidate
    Index(
        "ix_orders_project_id_candidate_remote_id",
        "project_id",
        "candidate_remote_id",
        postgresql_where=text("candidate_remote_id IS NOT NULL"),
        sqlite_where=text("candidate_remote_id IS NOT NULL"),
    ),
    #: for the figures per day
    Index(
        "ix_orders_project_id_invited_at",
        "project_id",
        "invited_at",
        postgresql_where=text("invited_at IS NOT NULL"),
        sqlite_where=text("invited_at IS NOT NULL"),
    ),
    Index(
        "ix_orders_project_id_started_at",
        "project_id",
        "started_at",
        postgresql_where=text("started_at IS NOT NULL"),
        sqlite_where=text("started_at IS NOT NULL"),
    ),
    Index(
        "ix_orders_project_id_result_at",
        "project_id",
        "result_at",
        postgresql_where=text("result_at IS NOT NULL"),
        sqlite_where=text("result_at IS NOT NULL"),
    ),
    Index(
        "ix_orders_project_id_acknowledged_at",
        "project_id",
        "acknowledged_at",
        postgresql_where=text("acknowledged_at IS NOT NULL"),
        sqlite_where=text("acknowledged_at IS NOT NULL"),
    ),
)

#: counts per day in UTC, by its start, for the figures; `is_counted` is 0 until maintenance has counted a finished day.
#: `notified`, `invited` and `started` are null for days that were counted before these columns were added
order_days = Table(
    "order_days",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    integer("ordered", default=0),
    integer("resulted", default=0),
    integer("was_read", default=0),
    integer("is_counted", default=0),
    Column("notified", Integer, nullable=True),
    Column("invited", Integer, nullable=True),
    Column("started", Integer, nullable=True),
)

#: log of each order, in the order of time
order_log = Table(
    "order_log",
    metadata,
    id_column(),
    reference("order_id", "orders"),
    required_text("kind"),
    required_text("message"),
    required_text("detail", default="{}"),
    timestamp("at"),
    Index("ix_order_log_order_id_id", "order_id", "id"),
)

#: errors that an ATS reported to response_error; a row with `not_kept` above 0 counts reports over the limits
response_errors = Table(
    "response_errors",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    reference("account_id", "accounts"),
    optional_text("order_id"),
    required_text("api_call"),
    required_text("errors"),
    required_text("raw"),
    integer("not_kept", default=0),
    timestamp("at"),
    Index("ix_response_errors_at", "at"),
    Index("ix_response_errors_project_id_id", "project_id", "id"),
    Index("ix_response_errors_account_id_order_id", "account_id", "order_id"),
)

#: resumes of orders, fetched once: `state` is pending, stored or failed; the id is the order's
resumes = Table(
    "resumes",
    metadata,
    Column("id", Text, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    reference("project_id", "projects"),
    required_text("state"),
    integer("attempts"),
    timestamp("due_at"),
    optional_text("media_type"),
    Column("size", Integer, nullable=True),
    optional_text("content_sealed"),
    timestamp("created_at"),
    Index(
        "ix_resumes_due_at",
        "due_at",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
)

#: events of an ATS about candidates that changed orders; the id is a digest of the ATS's
seen_ats_events = Table(
    "seen_ats_events",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    timestamp("at"),
    Index("ix_seen_ats_events_at", "at"),
)

#: the latest result of each order that was refused: `source` is vendor, or ats for an answer that the ATS rejected.
#: `subject` is the order, as it was named while `is_known` is 0, or the account of a rejected answer without order
result_refusals = Table(
    "result_refusals",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    required_text("code"),
    optional_text("account_id"),
    integer("is_known"),
    required_text("detail"),
    integer("times"),
    timestamp("since_at"),
    timestamp("at"),
    Index("ix_result_refusals_project_id_at", "project_id", "at"),
    #: for refusals that name no order, a few of each project
    Index(
        "ix_result_refusals_unknown",
        "project_id",
        "at",
        postgresql_where=text("is_known = 0"),
        sqlite_where=text("is_known = 0"),
    ),
)
