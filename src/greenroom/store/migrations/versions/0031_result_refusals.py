"""Add refused results, and an index of open orders"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

OPEN = sa.text("status IN ('received', 'accepted', 'invited', 'in_progress')")


def upgrade() -> None:
    op.create_table(
        "result_refusals",
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("is_known", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_result_refusals_project_id_at", "result_refusals", ["project_id", "at"])
    unknown = sa.text("is_known = 0")
    op.create_index(
        "ix_result_refusals_unknown",
        "result_refusals",
        ["project_id", "at"],
        postgresql_where=unknown,
        sqlite_where=unknown,
    )
    op.create_index("ix_orders_open", "orders", ["project_id", "id"], postgresql_where=OPEN, sqlite_where=OPEN)
