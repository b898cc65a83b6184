"""Tables of the alerts by e-mail: the recipients, and the alerts that wait to be sent."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, text

from greenroom.store.schema.base import (
    id_column,
    integer,
    metadata,
    optional_text,
    reference,
    required_text,
    timestamp,
)

#: the recipients of alerts by e-mail, and how the mails to them went
alert_recipients = Table(
    "alert_recipients",
    metadata,
    id_column(),
    #: empty for the installation, so there is no foreign key: `project_deletion` deletes the rows
    Column("project_id", Text, nullable=False),
    required_text("email"),
    timestamp("created_at"),
    #: when the next mail is due; the end of the lease while a worker sends one. None: no alert waits
    timestamp("due_at", nullable=True),
    #: how often a mail was claimed: the outcome of an earlier claim is not recorded
    integer("claims", default=0),
    #: failed attempts in a row
    integer("failures", default=0),
    #: start of the current hour, and the mails in it
    timestamp("hour_started_at", nullable=True),
    integer("hour_count", default=0),
    #: alerts beyond the bound, which the next mail counts and does not list
    integer("unlisted", default=0),
    timestamp("sent_at", nullable=True),
    #: the reason of the last failure since the last mail that was accepted
    optional_text("failure"),
    optional_text("failure_kind"),
    timestamp("failed_at", nullable=True),
    timestamp("failing_since", nullable=True),
    Index("ix_alert_recipients_project_id_email", "project_id", "email", unique=True),
    Index(
        "ix_alert_recipients_due_at",
        "due_at",
        postgresql_where=text("due_at IS NOT NULL"),
        sqlite_where=text("due_at IS NOT NULL"),
    ),
)

#: alerts that wait for a mail to a recipient
alerts = Table(
    "alerts",
    metadata,
    id_column(),
    reference("recipient_id", "alert_recipients"),
    required_text("finding_id"),
    #: opened or closed
    required_text("event"),
    #: the finding as JSON, as it was when it opened
    required_text("shown"),
    timestamp("created_at"),
    Index("ix_alerts_recipient_id", "recipient_id"),
)
