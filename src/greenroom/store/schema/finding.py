"""Table of the open findings of each project."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from greenroom.store.schema.base import metadata, required_text, timestamp

#: findings that were published as opened and not as closed; `subject_id` is empty for the installation
findings = Table(
    "findings",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("subject_type", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
    required_text("id"),
    #: the finding as JSON, as it was when it opened
    required_text("shown"),
    timestamp("opened_at"),
)
