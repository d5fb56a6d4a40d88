"""The tables of the toolbox's approvals."""

revision = "toolbox_0004"
down_revision = "toolbox_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
