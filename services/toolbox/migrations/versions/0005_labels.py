"""Labels of values, what guardrails found in them, and the words of the requester."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0005"
down_revision = "toolbox_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "stored_values", sa.Column("labels", sa.JSON(), nullable=False, server_default="{}")
    )
    op.add_column(
        "stored_values", sa.Column("flags", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("plans", sa.Column("goal", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column("plans", "goal")
    op.drop_column("stored_values", "flags")
    op.drop_column("stored_values", "labels")
