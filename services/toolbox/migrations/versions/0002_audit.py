"""The tables of the toolbox's audit."""

revision = "toolbox_0002"
down_revision = "toolbox_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
