"""Add refused calls of ATSs, the hosts of their calls, and heartbeats of workers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_calls",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_refused_calls_project_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("project_id", "provider", "kind", "subject", name=op.f("pk_refused_calls")),
    )
    op.create_index("ix_refused_calls_project_id_last_at", "refused_calls", ["project_id", "last_at"])
    op.create_table(
        "worker_heartbeats",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("clock_ahead_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_worker_heartbeats")),
    )
    op.add_column("trigger_calls", sa.Column("host", sa.Text(), nullable=True))
    op.create_index(
        "ix_trigger_calls_called_at",
        "trigger_calls",
        ["called_at"],
        postgresql_where=sa.text("host IS NOT NULL"),
        sqlite_where=sa.text("host IS NOT NULL"),
    )
