"""Add the times at which orders reach the stages of the funnel, and their counts per day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

#: times by table, each with an index for the counts per day
TIMES = (("deliveries", "notified_at"), ("orders", "invited_at"), ("orders", "started_at"))


def upgrade() -> None:
    for table, column in TIMES:
        op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))
        is_set = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_{table}_project_id_{column}",
            table,
            ["project_id", column],
            postgresql_where=is_set,
            sqlite_where=is_set,
        )
        op.add_column("order_days", sa.Column(column.removesuffix("_at"), sa.Integer(), nullable=True))
