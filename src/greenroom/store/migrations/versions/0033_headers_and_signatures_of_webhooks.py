"""Add custom headers and ed25519 signatures to webhooks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("header_names", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("webhooks", sa.Column("headers_sealed", sa.Text(), nullable=True))
    op.add_column("webhooks", sa.Column("signature", sa.Text(), nullable=False, server_default="hmac"))
    op.add_column("webhook_secrets", sa.Column("private_key_sealed", sa.Text(), nullable=True))
    op.add_column("webhook_secrets", sa.Column("public_key", sa.Text(), nullable=True))
