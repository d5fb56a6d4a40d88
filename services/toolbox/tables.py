"""The tables of the ledger that no pack owns; a pack's own tables live in the pack."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import JSON, ForeignKeyConstraint, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from quartet.contracts.base import Fields, Json
from quartet.contracts.effect import EffectStatus
from quartet.contracts.person import DEFAULT_TENANT
from quartet.contracts.policy import Tier
from quartet.packs.columns import Cents, Exact, Moment

LIVE = "status IN ('held', 'applied', 'resolved')"
"""What has a natural key for itself; what a person did by hand is not to be done again."""


class Base(DeclarativeBase):
    """The toolbox's own tables."""

    type_annotation_map = {datetime: Moment, Fields: JSON}  # noqa: RUF012 - SQLAlchemy's name


class PlanRow(Base):
    """The registered plan of a task; ``closed_at`` is set when the task is compensated."""

    __tablename__ = "plans"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    requester: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Who asked for a task that runs as anonymous, where the console knows."""
    tenant: Mapped[str] = mapped_column(String(64), server_default=DEFAULT_TENANT)
    roles: Mapped[list[str]] = mapped_column(JSON, server_default="[]")
    """The requester's roles when the task came in."""
    goal: Mapped[str] = mapped_column(Text, server_default="")
    plan: Mapped[Fields]
    documents: Mapped[Json] = mapped_column(JSON)
    agents: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    """Which app-id works on which subtask; where nothing is said, the pack's specialist."""
    digest: Mapped[str] = mapped_column(String(71))
    signature: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The coordinator's, over all that was registered."""
    registered_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class ValueRow(Base):
    """An immutable value of a task."""

    __tablename__ = "stored_values"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    subtask: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    producer: Mapped[str] = mapped_column(String(64))
    caller: Mapped[str] = mapped_column(String(64))
    tool: Mapped[str] = mapped_column(String(200))
    arguments_digest: Mapped[str] = mapped_column(String(71))
    content: Mapped[Json] = mapped_column(JSON)
    labels: Mapped[Fields] = mapped_column(JSON, server_default="{}")
    """By dotted path; a value from before there were labels has none, and nobody may read it."""
    flags: Mapped[Json] = mapped_column(JSON, server_default="[]", nullable=False)
    """What guardrails found in it, or in what was asked for it."""
    stored_at: Mapped[datetime]


class CallRow(Base):
    """What the call behind a value used: tokens, and its price in US dollars."""

    __tablename__ = "calls"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    value: Mapped[str] = mapped_column(String(20), primary_key=True)
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost_usd: Mapped[Decimal] = mapped_column(Exact)
    model: Mapped[str] = mapped_column(String(200))
    provider: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime]
    __table_args__ = (
        ForeignKeyConstraint(["task", "value"], ["stored_values.task", "stored_values.id"]),
    )


class EffectRow(Base):
    """One effect key (task, slot), what was asked under it and what became of it."""

    __tablename__ = "effects"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    subtask: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    tool: Mapped[str] = mapped_column(String(64))
    status: Mapped[EffectStatus] = mapped_column(String(16))
    natural_key: Mapped[str | None] = mapped_column(Text)
    duplicate_of: Mapped[str | None] = mapped_column(String(26))
    proposal_digest: Mapped[str] = mapped_column(String(71))
    call_digest: Mapped[str] = mapped_column(String(71))
    arguments: Mapped[Fields]
    result: Mapped[Fields]
    says: Mapped[str] = mapped_column(Text)
    guidance: Mapped[str] = mapped_column(Text, default="", server_default="")
    claimed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    tier: Mapped[Tier | None] = mapped_column(String(16))
    policies: Mapped[list[str] | None] = mapped_column(JSON)
    """The ids of the policies that made the tier."""
    __table_args__ = (
        Index(
            "one_live_effect_per_natural_key",
            "natural_key",
            unique=True,
            sqlite_where=text(LIVE),
            postgresql_where=text(LIVE),
        ),
    )


class PostingRow(Base):
    """One side of a posting; the two sides of an entry sum to zero. Debit is positive."""

    __tablename__ = "postings"
    id: Mapped[int] = mapped_column(primary_key=True)
    entry: Mapped[str] = mapped_column(String(36), index=True)
    effect: Mapped[str] = mapped_column(String(40), index=True)
    """The effect key ``<task>/<slot>``; empty for an operation."""
    account: Mapped[str] = mapped_column(String(200))
    amount: Mapped[Decimal] = mapped_column(Cents)
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime]


class AuditRow(Base):
    """One audit record: the canonical bytes of what happened, in one gapless sequence."""

    __tablename__ = "audit"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    task: Mapped[str | None] = mapped_column(String(26), index=True)
    record: Mapped[bytes] = mapped_column(LargeBinary)
    digest: Mapped[str] = mapped_column(String(71))
    act: Mapped[str | None] = mapped_column(String(265))
    """Of another app's own act: ``<app-id>/<id>``, so that it is recorded once."""
    __table_args__ = (Index("one_record_per_act", "act", unique=True),)


class AuditHead(Base):
    """The last sequence number and the tree's peaks, one row; locking it orders the writers."""

    __tablename__ = "audit_head"
    id: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int]
    peaks: Mapped[bytes | None] = mapped_column(LargeBinary)


class ManualCaseRow(Base):
    """What people have to see: effects not undone, told of or left out, duplicates of one freed."""

    __tablename__ = "manual_cases"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    """not-undone, freed, told or left-out"""
    says: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
