"""The tables of the toolbox's budgets."""

revision = "toolbox_0003"
down_revision = "toolbox_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
