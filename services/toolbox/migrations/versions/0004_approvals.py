"""The tables of the toolbox's approvals.

An effect that an older toolbox holds has no approval that anybody could decide: it is asked about
when its task is run again, or freed when its task is cancelled.
"""

import sqlalchemy as sa
from alembic import op

revision = "toolbox_0004"
down_revision = "toolbox_0003"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('waiting', 'taken-over', 'approved')")
APPROVES = sa.text("decision = 'approve'")
LIVE = "status IN ('held', 'applied', 'resolved')"
LIVE_BEFORE = "status IN ('held', 'applied')"


def upgrade() -> None:
    op.drop_table("approvals")
    _approvals()
    _decisions()
    _telling()
    op.add_column("effects", sa.Column("guidance", sa.Text(), nullable=False, server_default=""))
    _live_keys(LIVE)


def _approvals() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("subtask", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tool", sa.String(64), nullable=False),
        sa.Column("call_digest", sa.String(71), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tier", sa.String(16), nullable=False),
        sa.Column("approvers", sa.Integer(), nullable=False),
        sa.Column("asked_group", sa.String(64), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("use_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.Text(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "one_open_approval_per_effect",
        "approvals",
        ["task", "slot"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_approvals_state", "approvals", ["state", "expires_at"])
    op.create_index("ix_approvals_requester", "approvals", ["requester", "asked_at"])


def _decisions() -> None:
    op.create_table(
        "approval_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("approval", sa.Integer(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.String(64), nullable=False),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("guidance", sa.Text(), nullable=False),
        sa.Column("call_digest", sa.String(71), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["approval"], ["approvals.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_approval_decisions_approval", "approval_decisions", ["approval"])
    op.create_index(
        "one_approval_per_person",
        "approval_decisions",
        ["approval", "person"],
        unique=True,
        sqlite_where=APPROVES,
        postgresql_where=APPROVES,
    )


def _telling() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("event", sa.String(100), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name="one_number_each"),
    )
    op.create_index("ix_outbox_published_at", "outbox", ["published_at"])
    op.create_table(
        "toolbox_leases",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _live_keys(live: str) -> None:
    op.drop_index("one_live_effect_per_natural_key", "effects")
    op.create_index(
        "one_live_effect_per_natural_key",
        "effects",
        ["natural_key"],
        unique=True,
        sqlite_where=sa.text(live),
        postgresql_where=sa.text(live),
    )


def downgrade() -> None:
    _live_keys(LIVE_BEFORE)
    op.drop_column("effects", "guidance")
    for name in ("toolbox_leases", "outbox", "approval_decisions", "approvals"):
        op.drop_table(name)
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
