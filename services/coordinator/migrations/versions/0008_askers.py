"""Who asked for a task that runs as anonymous."""

import sqlalchemy as sa
from alembic import op

revision = "0008_askers"
down_revision = "0007_letters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of tasks from before nobody knows."""
    op.add_column("tasks", sa.Column("asked_by", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("tasks", "asked_by")
