"""The columns and tables of the task store for decisions."""

revision = "0003_decisions"
down_revision = "0002_submitters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
