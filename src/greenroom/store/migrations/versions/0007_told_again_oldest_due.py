"""Add nudges of an ATS, and an index for the oldest due delivery of each queue"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending' AND due_at > 0")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("told", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.drop_index("ix_deliveries_due_at", "deliveries")
    op.create_index(
        "ix_deliveries_queue_due_at",
        "deliveries",
        ["queue", "due_at"],
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )
