"""Count the requests of each API key by the minute"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("window_started_at", sa.BigInteger(), nullable=True))
    op.add_column("api_keys", sa.Column("window_used", sa.Integer(), server_default=sa.text("0"), nullable=False))
