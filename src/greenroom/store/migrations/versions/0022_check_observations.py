"""Add observations of the set-up checks, and the previous signing secret of an integration"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "check_observations",
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.add_column("integrations", sa.Column("previous_secret_sealed", sa.Text(), nullable=True))
    op.add_column("integrations", sa.Column("previous_secret_expires_at", sa.BigInteger(), nullable=True))
