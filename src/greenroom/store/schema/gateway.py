"""Tables of the installation itself: its secrets, and the sign-in links of its owner."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from greenroom.store.schema.base import id_column, integer, metadata, required_text, timestamp

#: secrets of the whole installation: the pepper of token hashes
installation = Table("installation", metadata, Column("id", Text, primary_key=True), required_text("value_sealed"))

#: single-use sign-in links of the owner
sign_in_codes = Table(
    "sign_in_codes",
    metadata,
    id_column(),
    Column("code_hash", Text, nullable=False, unique=True),
    timestamp("created_at"),
    timestamp("expires_at"),
    timestamp("used_at", nullable=True),
)

#: the delivering processes, and when each was last seen
worker_heartbeats = Table(
    "worker_heartbeats",
    metadata,
    Column("worker", Text, primary_key=True),
    timestamp("seen_at"),
    #: ms by which the process's clock is ahead of the database's
    integer("clock_ahead_ms"),
)
