"""Add rate limits of webhooks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LIMITED = sa.text("rate_limit IS NOT NULL")


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("rate_limit", sa.Float(), nullable=True))
    op.add_column("webhooks", sa.Column("rate_spent_to", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_webhooks_limited", "webhooks", ["id"], postgresql_where=LIMITED, sqlite_where=LIMITED)
