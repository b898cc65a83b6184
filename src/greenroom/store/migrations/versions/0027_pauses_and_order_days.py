"""Add pauses of accounts, projects that are being deleted, and counts of orders per finished day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

REFUSED = sa.text("delivery = 'refused'")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("paused_at", sa.BigInteger(), nullable=True))
    op.add_column("projects", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "order_days",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("day", sa.BigInteger(), nullable=False),
        sa.Column("ordered", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("resulted", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("was_read", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("is_counted", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_order_days_project_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id", "day", name="pk_order_days"),
    )
    op.create_index("ix_orders_refused", "orders", ["project_id", "id"], postgresql_where=REFUSED, sqlite_where=REFUSED)
