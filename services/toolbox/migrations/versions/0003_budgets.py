"""The tables of the toolbox's budgets."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0003"
down_revision = "toolbox_0002"
branch_labels = None
depends_on = None

MEASURES = ("usd_nano", "tokens", "model_calls", "tool_calls")


def upgrade() -> None:
    op.create_table(
        "budget_accounts",
        sa.Column("scope", sa.String(8), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        *(
            sa.Column(f"{side}_{name}", sa.BigInteger(), nullable=side == "limit")
            for side in ("spent", "reserved", "limit")
            for name in MEASURES
        ),
        sa.Column("soft_usd_nano", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", "day"),
    )
    op.create_table(
        "budgeted_tasks",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.String(8), nullable=True),
        sa.Column("waits_for", sa.String(64), nullable=True),
        sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("task"),
    )
    op.create_index("ix_budgeted_tasks_opened_at", "budgeted_tasks", ["opened_at"])
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(28), nullable=False),
        sa.Column("call", sa.String(71), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("subtask", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("producer", sa.String(64), nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("arguments_digest", sa.String(71), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("worst_usd_nano", sa.BigInteger(), nullable=False),
        sa.Column("worst_tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd_nano", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("call", "number"),
    )
    op.create_index("ix_reservations_open", "reservations", ["state", "expires_at"])
    op.create_index("ix_reservations_task", "reservations", ["task", "subtask"])
    op.create_index("ix_reservations_caller", "reservations", ["caller", "opened_at"])


def downgrade() -> None:
    op.drop_table("reservations")
    op.drop_table("budgeted_tasks")
    op.drop_table("budget_accounts")
