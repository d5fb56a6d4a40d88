"""The audit's tree, contents and requesters; records that are there already get their nodes."""

import sqlalchemy as sa
from alembic import op

from quartet.trust.merkle import Tree, leaf

revision = "toolbox_0002"
down_revision = "toolbox_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit", sa.Column("act", sa.String(265), nullable=True))
    op.create_index("one_record_per_act", "audit", ["act"], unique=True)
    op.add_column("audit_head", sa.Column("peaks", sa.LargeBinary(), nullable=True))
    nodes = op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "position"),
    )
    op.create_table(
        "audit_contents",
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("content", sa.JSON(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "audit_requesters",
        sa.Column("task", sa.String(26), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("task"),
    )
    tree, connection = Tree(), op.get_bind()
    for (record,) in connection.execute(sa.text("SELECT record FROM audit ORDER BY sequence")):
        for level, position, node in tree.append(leaf(bytes(record))):
            op.execute(nodes.insert().values(level=level, position=position, hash=node))
    peaks = sa.text("UPDATE audit_head SET peaks = :peaks").bindparams(peaks=tree.pack())
    op.execute(peaks)


def downgrade() -> None:
    op.drop_table("audit_requesters")
    op.drop_table("audit_contents")
    op.drop_table("audit_nodes")
    op.drop_column("audit_head", "peaks")
    op.drop_index("one_record_per_act", "audit")
    op.drop_column("audit", "act")
