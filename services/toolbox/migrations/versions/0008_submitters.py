"""Whose plans are: tenant and roles beside the requester."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0008"
down_revision = "toolbox_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both; plans from before are of the default tenant, and nobody's roles are known."""
    op.add_column(
        "plans",
        sa.Column("tenant", sa.String(length=64), server_default="default", nullable=False),
    )
    op.add_column("plans", sa.Column("roles", sa.JSON(), server_default="[]", nullable=False))


def downgrade() -> None:
    """Drop both."""
    op.drop_column("plans", "roles")
    op.drop_column("plans", "tenant")
