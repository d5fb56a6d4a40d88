"""Whose tasks are: the tenant beside the requester."""

import sqlalchemy as sa
from alembic import op

revision = "0002_submitters"
down_revision = "0001_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tenant; tasks from before are of the default one."""
    op.add_column(
        "tasks",
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    )
    op.create_index("ix_tasks_tenant", "tasks", ["tenant", "requester"], unique=False)


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_tasks_tenant", "tasks")
    op.drop_column("tasks", "tenant")
