"""Add the origins of pages that may not show a project's hub"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_origins",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("refused_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_refused_origins_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "origin", name=op.f("pk_refused_origins")),
    )
