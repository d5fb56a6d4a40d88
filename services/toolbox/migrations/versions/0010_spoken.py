"""The messages of senders who speak for people: each is taken once."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0010"
down_revision = "toolbox_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spoken_decisions",
        sa.Column("sender", sa.String(200), nullable=False),
        sa.Column("id", sa.String(100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sender", "id"),
    )


def downgrade() -> None:
    op.drop_table("spoken_decisions")
