"""An integration keeps the fields that its connector declares in one document, and asks the vendor before an order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("integrations", sa.Column("order_check_url", sa.Text(), nullable=True))
    op.add_column("integrations", sa.Column("settings_sealed", sa.Text(), nullable=True))
