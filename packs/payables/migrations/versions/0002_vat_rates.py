"""The VAT rate of an order line. Lines of before have none until the master is loaded again."""

import sqlalchemy as sa
from alembic import op

revision = "payables_0002"
down_revision = "payables_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("order_lines", sa.Column("vat_rate", sa.String(40), nullable=True))


def downgrade() -> None:
    op.drop_column("order_lines", "vat_rate")
