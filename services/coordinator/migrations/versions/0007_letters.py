"""Whether a dead letter is on record in the audit; those from before count as recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0007_letters"
down_revision = "0006_canaries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "dead_letters",
        sa.Column("recorded", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.create_index("ix_dead_letters_recorded", "dead_letters", ["recorded", "at"])


def downgrade() -> None:
    op.drop_index("ix_dead_letters_recorded", "dead_letters")
    op.drop_column("dead_letters", "recorded")
