"""The subtasks of a registered plan that a canary works on."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0011"
down_revision = "toolbox_0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("plans", sa.Column("agents", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("plans", "agents")
