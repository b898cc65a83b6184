"""Add the current failure of a destination to its breaker"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("breakers", sa.Column("failure", sa.Text(), nullable=False, server_default=""))
