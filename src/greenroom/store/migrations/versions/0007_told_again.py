"""An ATS that was told and does not ask is told again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("told", sa.Integer(), nullable=False, server_default=sa.text("0")))
