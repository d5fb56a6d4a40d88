"""Who asked for the task of a registered plan that runs as anonymous."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0012"
down_revision = "toolbox_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of plans from before nobody knows."""
    op.add_column("plans", sa.Column("asked_by", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("plans", "asked_by")
