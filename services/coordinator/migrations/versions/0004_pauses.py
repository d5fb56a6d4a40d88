"""The columns and tables of the task store for pauses."""

revision = "0004_pauses"
down_revision = "0003_decisions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
