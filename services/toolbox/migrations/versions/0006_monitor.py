"""The tables of the toolbox's monitor."""

revision = "toolbox_0006"
down_revision = "toolbox_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
