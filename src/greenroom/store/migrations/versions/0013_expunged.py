"""Add the erasure of orders' content"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OF_AN_ORDER = sa.text("order_id IS NOT NULL")


def upgrade() -> None:
    for table in ("orders", "deliveries"):
        op.add_column(table, sa.Column("expunged_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_response_errors_account_id_order_id", "response_errors", ["account_id", "order_id"])
    op.add_column("idempotency_keys", sa.Column("order_id", sa.Text(), nullable=True))
    op.create_index(
        "ix_idempotency_keys_order_id",
        "idempotency_keys",
        ["order_id"],
        postgresql_where=OF_AN_ORDER,
        sqlite_where=OF_AN_ORDER,
    )
    op.create_table(
        "request_orders",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["request_logs.id"], name=op.f("fk_request_orders_request_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("request_id", "order_id", name=op.f("pk_request_orders")),
    )
    op.create_index("ix_request_orders_order_id", "request_orders", ["order_id"])
    # older rows do not name their orders, so an erasure could not find them
    for table in ("request_logs", "request_steps"):
        op.execute(f"UPDATE {table} SET detail_sealed = NULL WHERE detail_sealed IS NOT NULL")  # noqa: S608
    op.execute("UPDATE request_logs SET url = path WHERE url LIKE '%candidate_email=%'")
