"""Put the deduplication key before the account in the unique index of orders"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("uq_orders_dedupe_key_account_id", "orders", ["dedupe_key", "account_id"], unique=True)
    op.drop_index("uq_orders_account_id_dedupe_key", "orders")
