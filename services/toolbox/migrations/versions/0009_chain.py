"""The coordinator's signature of a registered plan."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0009"
down_revision = "toolbox_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was registered before is signed by nobody, and commits nothing."""
    op.add_column("plans", sa.Column("signature", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("plans", "signature")
