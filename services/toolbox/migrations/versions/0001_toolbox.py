"""The toolbox's own tables."""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0001"
down_revision = None
branch_labels = ("toolbox",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("call_digest", sa.String(71), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("task", sa.String(26), nullable=True),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("ix_audit_task", "audit", ["task"], unique=False)
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "effects",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("subtask", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tool", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("natural_key", sa.Text(), nullable=True),
        sa.Column("duplicate_of", sa.String(26), nullable=True),
        sa.Column("proposal_digest", sa.String(71), nullable=False),
        sa.Column("call_digest", sa.String(71), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("task", "slot"),
    )
    op.create_index(
        "one_live_effect_per_natural_key",
        "effects",
        ["natural_key"],
        unique=True,
        sqlite_where=sa.text("status IN ('held', 'applied')"),
        postgresql_where=sa.text("status IN ('held', 'applied')"),
    )
    op.create_table(
        "manual_cases",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task", "slot", "kind"),
    )
    op.create_table(
        "plans",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("documents", sa.JSON(), nullable=True),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("task"),
    )
    op.create_table(
        "postings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry", sa.String(36), nullable=False),
        sa.Column("effect", sa.String(40), nullable=False),
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_postings_effect", "postings", ["effect"], unique=False)
    op.create_index("ix_postings_entry", "postings", ["entry"], unique=False)
    op.create_table(
        "stored_values",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("id", sa.String(20), nullable=False),
        sa.Column("subtask", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("producer", sa.String(64), nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("arguments_digest", sa.String(71), nullable=False),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("task", "id"),
    )
    op.create_table(
        "calls",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("value", sa.String(20), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.String(40), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["task", "value"],
            ["stored_values.task", "stored_values.id"],
        ),
        sa.PrimaryKeyConstraint("task", "value"),
    )
    op.execute("INSERT INTO audit_head (id, sequence) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("calls")
    op.drop_table("stored_values")
    op.drop_table("postings")
    op.drop_table("plans")
    op.drop_table("manual_cases")
    op.drop_table("effects")
    op.drop_table("audit_head")
    op.drop_table("audit")
    op.drop_table("approvals")
