"""Table of the observations of set-up checks."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from greenroom.store.schema.base import metadata, required_text, timestamp

#: the latest observation of each kind: `subject` is a provider or a webhook's id, `detail` a JSON object
check_observations = Table(
    "check_observations",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    required_text("detail"),
    timestamp("at"),
)
