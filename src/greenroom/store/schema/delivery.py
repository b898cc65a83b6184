"""Tables of events, their deliveries and attempts, and of the state of the delivery engine."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table, Text, text

from greenroom.store.schema.base import id_column, integer, metadata, optional_text, reference, required_text, timestamp

events = Table(
    "events",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    reference("account_id", "accounts", nullable=True),
    optional_text("order_id"),
    required_text("type"),
    required_text("payload"),
    #: traceparent of the request that caused the event, if tracing was on
    optional_text("trace"),
    #: 1 until the payload is erased because every delivery has ended; None for events whose payload is kept
    Column("erase_when_delivered", Integer, nullable=True),
    timestamp("created_at"),
    Index("ix_events_order_id", "order_id"),
    Index(
        "ix_events_erase_when_delivered",
        "id",
        postgresql_where=text("erase_when_delivered IS NOT NULL"),
        sqlite_where=text("erase_when_delivered IS NOT NULL"),
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    reference("event_id", "events"),
    optional_text("order_id"),
    optional_text("account_id"),
    required_text("lane"),
    #: id of the webhook, or of the project while no webhook takes the held event; in lane ats id of the account
    required_text("destination_id"),
    required_text("event_name"),
    required_text("trigger"),
    required_text("state"),
    #: hand (manual), first (new), again (retry) or replay: see model.deliveries.Queue
    required_text("queue", default="first"),
    integer("attempts"),
    #: attempts made before the retry schedule last began; a manual retry restarts it
    integer("attempts_before", default=0),
    #: notifications that the ATS acknowledged without requesting the result
    integer("told", default=0),
    #: when the next attempt of a pending delivery is due; while an attempt is in flight, when its lease expires
    timestamp("due_at"),
    optional_text("lease"),
    #: latest replay that queued the delivery
    optional_text("replay_id"),
    optional_text("last_error"),
    #: when the order's content was erased; an erased delivery cannot be sent
    timestamp("expunged_at", nullable=True),
    #: when this delivery was the first to bring an order to a webhook
    timestamp("notified_at", nullable=True),
    timestamp("created_at"),
    timestamp("updated_at"),
    #: for the oldest delivery of each queue. "due_at > 0" always holds; claims do not have this condition, so that the
    #: planner cannot use this index for them while its statistics are out of date
    Index(
        "ix_deliveries_queue_due_at",
        "queue",
        "due_at",
        postgresql_where=text("state = 'pending' AND due_at > 0"),
        sqlite_where=text("state = 'pending' AND due_at > 0"),
    ),
    #: for claims, which step through it from one destination to the next
    Index(
        "ix_deliveries_queue",
        "queue",
        "destination_id",
        "due_at",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
    #: for deliveries in flight, a few hundred rows at the most
    Index(
        "ix_deliveries_lease",
        "lease",
        "destination_id",
        postgresql_where=text("lease IS NOT NULL"),
        sqlite_where=text("lease IS NOT NULL"),
    ),
    #: for the metrics of held and dead-lettered deliveries
    Index(
        "ix_deliveries_stuck",
        "state",
        postgresql_where=text("state IN ('held', 'dead')"),
        sqlite_where=text("state IN ('held', 'dead')"),
    ),
    Index("ix_deliveries_project_id_id", "project_id", "id"),
    Index("ix_deliveries_order_id", "order_id"),
    Index("ix_deliveries_event_id", "event_id"),
    Index("ix_deliveries_destination_id_state_id", "destination_id", "state", "id"),
    #: for the figures per day
    Index(
        "ix_deliveries_project_id_notified_at",
        "project_id",
        "notified_at",
        postgresql_where=text("notified_at IS NOT NULL"),
        sqlite_where=text("notified_at IS NOT NULL"),
    ),
)

#: the claim lock: a claiming worker locks the only row until it commits
claim_turn = Table("claim_turn", metadata, id_column())

#: jobs that send deliveries again: `states` are still to be processed, `after` is the last processed id
replays = Table(
    "replays",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    reference("webhook_id", "webhooks"),
    required_text("states"),
    timestamp("since_at"),
    timestamp("until_at"),
    required_text("state"),
    integer("total"),
    integer("done"),
    required_text("after"),
    timestamp("created_at"),
    timestamp("updated_at"),
    Index("ix_replays_state", "state"),
)

#: circuit breakers of failing destinations: see model.breakers
breakers = Table(
    "breakers",
    metadata,
    Column("destination_id", Text, primary_key=True),
    integer("failures"),
    integer("trips"),
    timestamp("open_until"),
    integer("room"),
    required_text("last_error"),
    integer("told", default=0),
    #: model.breakers.Failure as JSON; empty when the latest attempt succeeded
    required_text("failure", default=""),
)

attempts = Table(
    "attempts",
    metadata,
    id_column(),
    reference("project_id", "projects"),
    reference("delivery_id", "deliveries"),
    integer("number"),
    required_text("trigger"),
    timestamp("started_at"),
    integer("duration_ms"),
    Column("status", Integer, nullable=True),
    optional_text("error_kind"),
    optional_text("error"),
    optional_text("address"),
    required_text("request"),
    required_text("response"),
    timestamp("next_due_at", nullable=True),
    required_text("worker"),
    Index("ix_attempts_delivery_id_number", "delivery_id", "number"),
)
