"""Add enrichment of orders: the jobs, the accounts' turns, the cache and the orders' column"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("enrichment", sa.Text(), nullable=True))
    account = sa.ForeignKey("accounts.id", ondelete="CASCADE")
    op.create_table(
        "enrichments",
        sa.Column("order_id", sa.Text(), sa.ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("account_id", sa.Text(), account, nullable=False),
        sa.Column("event_id", sa.Text(), sa.ForeignKey("events.id", ondelete="CASCADE"), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_enrichments_account_id_due_at", "enrichments", ["account_id", "due_at"])
    op.create_index("ix_enrichments_due_at", "enrichments", ["due_at"])
    op.create_table(
        "enrichment_turns",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("lease", sa.Text(), nullable=True),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "enrichment_cache",
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_enrichment_cache_fetched_at", "enrichment_cache", ["fetched_at"])
