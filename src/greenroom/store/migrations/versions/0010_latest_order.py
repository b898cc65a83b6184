"""Add an index for the newest order of a candidate for a package"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_orders_account_id_candidate_email", "orders")
    op.create_index("ix_orders_latest", "orders", ["account_id", "candidate_email", "package_id", "id"])
