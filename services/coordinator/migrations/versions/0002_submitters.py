"""The columns and tables of the task store for submitters."""

revision = "0002_submitters"
down_revision = "0001_tasks"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
