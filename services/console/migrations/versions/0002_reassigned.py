"""How often an approval was given to another group."""

import sqlalchemy as sa
from alembic import op

revision = "console_0002"
down_revision = "console_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("reassigned", sa.Integer(), server_default="0", nullable=False)
    op.add_column("waiting", column)


def downgrade() -> None:
    op.drop_column("waiting", "reassigned")
