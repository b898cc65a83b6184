"""Add limits and retention of ATS reports, and callback URL digests of erased orders"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("callback_hash", sa.Text(), nullable=True))
    op.add_column("response_errors", sa.Column("not_kept", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("ix_response_errors_at", "response_errors", ["at"])
