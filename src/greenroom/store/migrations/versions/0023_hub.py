"""Add the hub: a project's settings, tokens of opened links, attempts by consent, and the use of each account token"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hub_settings",
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("allowed_origins", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("accent", sa.Text(), nullable=True),
        sa.Column("logo_url", sa.Text(), nullable=True),
        sa.Column("product_name", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "hub_tokens",
        sa.Column("token_hash", sa.Text(), primary_key=True),
        _session(),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_hub_tokens_session_id", "hub_tokens", ["session_id"])
    op.create_table(
        "connection_attempts",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("project_id", sa.Text(), sa.ForeignKey("projects.id", ondelete="CASCADE"), nullable=False),
        _session(),
        sa.Column("account_id", sa.Text(), sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    for column in ("project_id", "session_id", "account_id"):
        op.create_index(f"ix_connection_attempts_{column}", "connection_attempts", [column])
    op.add_column("connect_sessions", sa.Column("closed_at", sa.BigInteger(), nullable=True))
    op.add_column("connect_sessions", sa.Column("multiple", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("account_tokens", sa.Column("first_used_at", sa.BigInteger(), nullable=True))
    op.add_column("account_tokens", sa.Column("last_used_at", sa.BigInteger(), nullable=True))


def _session() -> sa.Column[int]:
    reference = sa.ForeignKey("connect_sessions.id", ondelete="CASCADE")
    return sa.Column("session_id", sa.BigInteger(), reference, nullable=False)
