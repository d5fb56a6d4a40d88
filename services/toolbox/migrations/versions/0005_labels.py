"""The tables of the toolbox's labels."""

revision = "toolbox_0005"
down_revision = "toolbox_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
