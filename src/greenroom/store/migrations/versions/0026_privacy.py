"""Add retention of orders, minimal storage, and the candidate's id at the ATS"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("projects", sa.Column("order_retention_days", sa.Integer(), nullable=True))
    op.add_column("projects", sa.Column("orders_erased_up_to", sa.Text(), nullable=True))
    op.add_column("integrations", sa.Column("store", sa.Text(), nullable=False, server_default="full"))
    op.add_column("orders", sa.Column("store", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("candidate_remote_id", sa.Text(), nullable=True))
    op.add_column("orders", sa.Column("application_status", sa.Text(), nullable=True))
    op.create_index(
        "ix_orders_project_id_candidate_remote_id",
        "orders",
        ["project_id", "candidate_remote_id"],
        postgresql_where=sa.text("candidate_remote_id IS NOT NULL"),
        sqlite_where=sa.text("candidate_remote_id IS NOT NULL"),
    )
    op.add_column("events", sa.Column("erase_when_delivered", sa.Integer(), nullable=True))
    op.create_index(
        "ix_events_erase_when_delivered",
        "events",
        ["id"],
        postgresql_where=sa.text("erase_when_delivered IS NOT NULL"),
        sqlite_where=sa.text("erase_when_delivered IS NOT NULL"),
    )
    op.create_table(
        "seen_ats_events",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_seen_ats_events_at", "seen_ats_events", ["at"])
    op.add_column("integrations", sa.Column("resume", sa.Text(), nullable=False, server_default="link"))
    op.create_table(
        "resumes",
        sa.Column("id", sa.Text(), sa.ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("content_sealed", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
    )
    op.create_index(
        "ix_resumes_due_at",
        "resumes",
        ["due_at"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
