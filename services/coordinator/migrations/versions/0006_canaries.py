"""The share of tasks that each canary gets."""

import sqlalchemy as sa
from alembic import op

revision = "0006_canaries"
down_revision = "0005_checkpoints"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "canaries",
        sa.Column("app_id", sa.String(64), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("app_id"),
    )
    op.create_index("ix_subtasks_app_id", "subtasks", ["app_id", "state"])


def downgrade() -> None:
    op.drop_index("ix_subtasks_app_id", "subtasks")
    op.drop_table("canaries")
