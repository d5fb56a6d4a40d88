"""The decisions that subtasks wait for, and how far they have been read."""

import sqlalchemy as sa
from alembic import op

revision = "0003_decisions"
down_revision = "0002_submitters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "decisions",
        sa.Column("task", sa.String(length=26), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("subtask", sa.String(length=64), nullable=False),
        sa.Column("approval", sa.Integer(), nullable=False),
        sa.Column("woken", sa.Integer(), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("task", "slot"),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_table("cursors")
    op.drop_table("decisions")
