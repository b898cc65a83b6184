"""Add indexes that count a project's results, and those that its ATSs have read, per day"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

RECORDED = sa.text("result_at IS NOT NULL")
READ = sa.text("acknowledged_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_orders_project_id_result_at",
        "orders",
        ["project_id", "result_at"],
        postgresql_where=RECORDED,
        sqlite_where=RECORDED,
    )
    op.create_index(
        "ix_orders_project_id_acknowledged_at",
        "orders",
        ["project_id", "acknowledged_at"],
        postgresql_where=READ,
        sqlite_where=READ,
    )
