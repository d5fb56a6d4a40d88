"""The refunds pack's tables."""

import sqlalchemy as sa
from alembic import op

revision = "refunds_0001"
down_revision = None
branch_labels = ("refunds",)
depends_on = "toolbox_0001"

NOT_CANCELLED = sa.text("status <> 'cancelled'")


def upgrade() -> None:
    op.create_table(
        "refund_orders",
        sa.Column("number", sa.String(20), nullable=False),
        sa.Column("customer", sa.String(40), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "refund_questions",
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("status", sa.String(8), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("effect"),
    )
    op.create_table(
        "refunds",
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("order", sa.String(20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["order"], ["refund_orders.number"]),
        sa.PrimaryKeyConstraint("effect"),
    )
    op.create_index(
        "one_live_refund_per_amount",
        "refunds",
        ["order", "amount"],
        unique=True,
        sqlite_where=NOT_CANCELLED,
        postgresql_where=NOT_CANCELLED,
    )


def downgrade() -> None:
    op.drop_table("refunds")
    op.drop_table("refund_questions")
    op.drop_table("refund_orders")
