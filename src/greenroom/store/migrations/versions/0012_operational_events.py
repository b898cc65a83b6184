"""Add notifications about webhooks that fail, recover or dead-letter deliveries"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

NEVER = sa.text("0")


def upgrade() -> None:
    op.add_column("breakers", sa.Column("told", sa.Integer(), nullable=False, server_default=NEVER))
    op.add_column("webhooks", sa.Column("failing_told_at", sa.BigInteger(), nullable=False, server_default=NEVER))
    op.add_column("webhooks", sa.Column("exhausted_told_at", sa.BigInteger(), nullable=False, server_default=NEVER))
