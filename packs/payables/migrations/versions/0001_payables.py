"""The payables pack's tables."""

import sqlalchemy as sa
from alembic import op

revision = "payables_0001"
down_revision = None
branch_labels = ("payables",)
depends_on = "toolbox_0001"


def upgrade() -> None:
    op.create_table(
        "cases",
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("seller", sa.String(200), nullable=False),
        sa.Column("number", sa.String(100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("effect"),
    )
    op.create_table(
        "company",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("vat_id", sa.String(20), nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("iban", sa.String(34), nullable=False),
        sa.Column("bic", sa.String(11), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "payment_runs",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message", sa.String(35), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("debtor", sa.String(200), nullable=False),
        sa.Column("iban", sa.String(34), nullable=False),
        sa.Column("bic", sa.String(11), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message"),
    )
    op.create_table(
        "vendors",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("vat_id", sa.String(20), nullable=True),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("iban", sa.String(34), nullable=False),
        sa.Column("bic", sa.String(11), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("vat_id"),
    )
    op.create_table(
        "orders",
        sa.Column("number", sa.String(100), nullable=False),
        sa.Column("vendor", sa.String(40), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(
            ["vendor"],
            ["vendors.id"],
        ),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_table(
        "payments",
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("vendor", sa.String(40), nullable=False),
        sa.Column("number", sa.String(100), nullable=False),
        sa.Column("normal_number", sa.Text(), nullable=False),
        sa.Column("order", sa.String(100), nullable=True),
        sa.Column("net", sa.String(40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("iban", sa.String(34), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["vendor"],
            ["vendors.id"],
        ),
        sa.PrimaryKeyConstraint("effect"),
    )
    op.create_index(
        "one_live_payment_per_number",
        "payments",
        ["kind", "vendor", "normal_number"],
        unique=True,
        sqlite_where=sa.text("status <> 'cancelled'"),
        postgresql_where=sa.text("status <> 'cancelled'"),
    )
    op.create_index("payments_of_an_order", "payments", ["order"])
    op.create_table(
        "billed",
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("line", sa.String(100), nullable=False),
        sa.Column("quantity", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["effect"],
            ["payments.effect"],
        ),
        sa.PrimaryKeyConstraint("effect", "line"),
    )
    op.create_table(
        "transfers",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("vendor", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("iban", sa.String(34), nullable=False),
        sa.Column("bic", sa.String(11), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"],
            ["payment_runs.id"],
        ),
        sa.ForeignKeyConstraint(
            ["vendor"],
            ["vendors.id"],
        ),
        sa.PrimaryKeyConstraint("run", "position"),
    )
    op.create_table(
        "order_lines",
        sa.Column("order", sa.String(100), nullable=False),
        sa.Column("line", sa.String(100), nullable=False),
        sa.Column("item_id", sa.String(100), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("quantity", sa.String(40), nullable=False),
        sa.Column("unit", sa.String(8), nullable=False),
        sa.Column("price", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["order"],
            ["orders.number"],
        ),
        sa.PrimaryKeyConstraint("order", "line"),
    )
    op.create_table(
        "receipts",
        sa.Column("number", sa.String(100), nullable=False),
        sa.Column("order", sa.String(100), nullable=False),
        sa.Column("line", sa.String(100), nullable=False),
        sa.Column("quantity", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["order"],
            ["orders.number"],
        ),
        sa.PrimaryKeyConstraint("number", "order", "line"),
    )
    op.create_table(
        "run_items",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False),
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["effect"],
            ["payments.effect"],
        ),
        sa.ForeignKeyConstraint(
            ["run", "position"],
            ["transfers.run", "transfers.position"],
        ),
        sa.PrimaryKeyConstraint("run", "position", "item"),
    )


def downgrade() -> None:
    op.drop_table("run_items")
    op.drop_table("receipts")
    op.drop_table("order_lines")
    op.drop_table("transfers")
    op.drop_table("billed")
    op.drop_table("payments")
    op.drop_table("orders")
    op.drop_table("vendors")
    op.drop_table("payment_runs")
    op.drop_table("company")
    op.drop_table("cases")
