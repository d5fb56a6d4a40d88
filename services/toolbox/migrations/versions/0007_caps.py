"""What is moved by day, the policies that were in force, and the ruling of each effect."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0007"
down_revision = "toolbox_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("effects", sa.Column("tier", sa.String(16), nullable=True))
    op.add_column("effects", sa.Column("policies", sa.JSON(), nullable=True))
    op.create_table(
        "movements",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("payee", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("task", "slot"),
    )
    op.create_table(
        "moved",
        sa.Column("scope", sa.String(12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", "currency", "day"),
    )
    op.create_table(
        "policies",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(71), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )


def downgrade() -> None:
    op.drop_table("policies")
    op.drop_table("moved")
    op.drop_table("movements")
    op.drop_column("effects", "policies")
    op.drop_column("effects", "tier")
