"""Add round-robin claims over destinations, breakers, replays and retention"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")
HELD = sa.text("lease IS NOT NULL")
STUCK = sa.text("state IN ('held', 'dead')")


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("queue", sa.Text(), nullable=False, server_default=sa.text("'first'")))
    op.execute("UPDATE deliveries SET queue = 'hand' WHERE trigger = 'manual'")
    op.execute("UPDATE deliveries SET queue = 'again' WHERE trigger <> 'manual' AND attempts > 0")
    op.create_index(
        "ix_deliveries_queue",
        "deliveries",
        ["queue", "destination_id", "due_at"],
        postgresql_where=PENDING,
        sqlite_where=PENDING,
    )
    op.create_index(
        "ix_deliveries_lease", "deliveries", ["lease", "destination_id"], postgresql_where=HELD, sqlite_where=HELD
    )
    op.create_index("ix_deliveries_stuck", "deliveries", ["state"], postgresql_where=STUCK, sqlite_where=STUCK)
    op.create_table(
        "claim_turn", sa.Column("id", sa.Text(), nullable=False), sa.PrimaryKeyConstraint("id", name="pk_claim_turn")
    )
    op.execute("INSERT INTO claim_turn (id) VALUES ('claim')")
    op.create_table(
        "breakers",
        sa.Column("destination_id", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("open_until", sa.BigInteger(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("destination_id", name="pk_breakers"),
    )
    op.add_column("deliveries", sa.Column("replay_id", sa.Text(), nullable=True))
    op.drop_index("ix_deliveries_destination_id_state", "deliveries")
    op.create_index("ix_deliveries_destination_id_state_id", "deliveries", ["destination_id", "state", "id"])
    op.create_table(
        "replays",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("webhook_id", sa.Text(), nullable=False),
        sa.Column("states", sa.Text(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_replays_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_replays_webhook_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_replays"),
    )
    op.create_index("ix_replays_state", "replays", ["state"])
    op.create_index("ix_attempts_started_at", "attempts", ["started_at"])
    if op.get_bind().dialect.name == "postgresql":
        # these rows change all the time, so they are vacuumed and analyzed more often
        op.execute(
            "ALTER TABLE deliveries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)"
        )
