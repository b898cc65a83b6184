"""Add the open findings, and when a project was last diagnosed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "findings",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("subject_type", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_findings_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "code", "subject_type", "subject_id", name=op.f("pk_findings")),
    )
    op.add_column("projects", sa.Column("diagnosed_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_projects_diagnosed_at", "projects", ["diagnosed_at"])
