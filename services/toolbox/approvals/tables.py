"""The tables of approvals: who is asked, who decided, what has to be told, who tells it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from quartet.contracts.approval import ApprovalState, DecisionKind
from quartet.contracts.base import Fields
from quartet.contracts.policy import Tier
from services.toolbox.tables import Base

OPEN: tuple[ApprovalState, ...] = ("waiting", "taken-over", "approved")
"""What has not ended: its effect is held."""
_OPEN = "state IN ('waiting', 'taken-over', 'approved')"
_APPROVES = "decision = 'approve'"


class ApprovalRow(Base):
    """One question to people about one call; an effect has at most one that is open."""

    __tablename__ = "approvals"
    id: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(String(26))
    slot: Mapped[int]
    subtask: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    tool: Mapped[str] = mapped_column(String(64))
    call_digest: Mapped[str] = mapped_column(String(71))
    state: Mapped[ApprovalState] = mapped_column(String(16))
    tier: Mapped[Tier] = mapped_column(String(16))
    approvers: Mapped[int]
    """How many different people have to approve."""
    group: Mapped[str] = mapped_column("asked_group", String(64))
    version: Mapped[str] = mapped_column(Text)
    """Of the policy that asked."""
    requester: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(String(64))
    asked: Mapped[Fields]
    """What people are shown, a quartet.contracts.approval.Asked."""
    asked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    use_by: Mapped[datetime | None]
    """Until when an approved call may be carried out."""
    taken_by: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "one_open_approval_per_effect",
            "task",
            "slot",
            unique=True,
            sqlite_where=text(_OPEN),
            postgresql_where=text(_OPEN),
        ),
        Index("ix_approvals_state", "state", "expires_at"),
        Index("ix_approvals_requester", "requester", "asked_at"),
    )


class DecisionRow(Base):
    """What one person decided; nobody approves twice."""

    __tablename__ = "approval_decisions"
    id: Mapped[int] = mapped_column(primary_key=True)
    approval: Mapped[int] = mapped_column(ForeignKey("approvals.id"), index=True)
    person: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(String(64))
    decision: Mapped[DecisionKind] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    guidance: Mapped[str] = mapped_column(Text)
    call_digest: Mapped[str] = mapped_column(String(71))
    at: Mapped[datetime]
    __table_args__ = (
        Index(
            "one_approval_per_person",
            "approval",
            "person",
            unique=True,
            sqlite_where=text(_APPROVES),
            postgresql_where=text(_APPROVES),
        ),
    )


class OutboxRow(Base):
    """A fact to publish, written in the transaction that made it one.

    ``number`` is given afterwards, by one writer: who reads on from a number misses nothing
    that was committed late.
    """

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(100))
    data: Mapped[Fields]
    at: Mapped[datetime]
    number: Mapped[int | None]
    published_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("number", name="one_number_each"),
        Index("ix_outbox_published_at", "published_at"),
    )


class LeaseRow(Base):
    """Which replica does a round, and until when."""

    __tablename__ = "toolbox_leases"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]
