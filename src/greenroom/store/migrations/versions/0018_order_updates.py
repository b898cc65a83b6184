"""An order can have several updates for its ATS, whose times rise"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("update_ms", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
