"""Tables of enrichment, the facts that an ATS's own API adds to orders."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from greenroom.store.schema.base import integer, metadata, optional_text, reference, required_text, timestamp

#: orders to be enriched; the row is deleted when nothing more is read
enrichments = Table(
    "enrichments",
    metadata,
    Column("order_id", Text, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    reference("account_id", "accounts"),
    #: the order's event, which waits for the enrichment
    reference("event_id", "events"),
    integer("attempts", default=0),
    timestamp("due_at"),
    timestamp("created_at"),
    Index("ix_enrichments_account_id_due_at", "account_id", "due_at"),
    Index("ix_enrichments_due_at", "due_at"),
)

#: accounts with orders to be enriched: one worker at a time reads for an account
enrichment_turns = Table(
    "enrichment_turns",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    optional_text("lease"),
    #: when the lease expires, or when the account's next batch may begin
    timestamp("free_at"),
)

#: answers that many orders share, such as a job's hiring team
enrichment_cache = Table(
    "enrichment_cache",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    required_text("content"),
    timestamp("fetched_at"),
    Index("ix_enrichment_cache_fetched_at", "fetched_at"),
)
