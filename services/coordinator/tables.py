"""The tables of the task store; what is done with them lives in store, views and sweep."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from quartet.contracts.person import DEFAULT_TENANT
from quartet.contracts.task import SubtaskState, TaskState


class Utc(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Store UTC."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any | None, _: Dialect) -> datetime | None:  # noqa: ANN401
        """Give UTC back."""
        return value.replace(tzinfo=UTC) if isinstance(value, datetime) else None


class Base(DeclarativeBase):
    """The metadata of the task store."""


class TaskRow(Base):
    """One accepted task: exactly one row per event (source, id)."""

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("source", "event_id"),
        Index("ix_tasks_batch", "batch"),
        Index("ix_tasks_state", "state"),
        Index("ix_tasks_tenant", "tenant", "requester"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    event_id: Mapped[str] = mapped_column(Text)
    requester: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Who asked for a task that runs as anonymous, by the console's word; agents never see it."""
    tenant: Mapped[str] = mapped_column(String(64), server_default=DEFAULT_TENANT)
    batch: Mapped[str | None] = mapped_column(String(64))
    task: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[TaskState] = mapped_column(String(16))
    run: Mapped[str] = mapped_column(String(32))
    """The start nonce of the run that may claim the task."""
    claimed: Mapped[bool] = mapped_column(default=False)
    runs: Mapped[int] = mapped_column(default=1)
    plan: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    summary: Mapped[str] = mapped_column(Text, default="")
    not_undone: Mapped[list[str]] = mapped_column(JSON, default=list)
    stop: Mapped[str | None] = mapped_column(Text)
    """Why the task shall stop: ``deadline`` or ``cancelled: <why>``."""
    created: Mapped[datetime] = mapped_column(Utc)
    changed: Mapped[datetime] = mapped_column(Utc)
    checked: Mapped[datetime] = mapped_column(Utc)
    """When the sweep last saw the workflow alive, or something moved."""
    deadline: Mapped[datetime | None] = mapped_column(Utc)
    """None while a subtask is held; ``left_s`` is then what remains, in seconds."""
    left_s: Mapped[float] = mapped_column(default=0.0)
    owes_event: Mapped[bool] = mapped_column(default=False)
    """The task has ended and nobody was told: the sweep publishes its end again."""


class SubtaskRow(Base):
    """One subtask of a registered plan."""

    __tablename__ = "subtasks"
    __table_args__ = (
        Index("ix_subtasks_state", "state"),
        Index("ix_subtasks_app_id", "app_id", "state"),
    )

    task: Mapped[str] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(64))
    app_id: Mapped[str] = mapped_column(String(64))
    state: Mapped[SubtaskState] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(default=0)
    """0 until its first result came in."""
    instance: Mapped[str] = mapped_column(Text, default="")
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    completed: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The data of the subtask-completed event of this attempt, to publish it again."""
    proposal_digest: Mapped[str | None] = mapped_column(String(71))
    feedback: Mapped[str] = mapped_column(Text, default="")
    outcomes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    published: Mapped[int] = mapped_column(default=0)
    publish_at: Mapped[datetime | None] = mapped_column(Utc)


class CanaryRow(Base):
    """How many of a hundred new tasks a canary gets; none without a row."""

    __tablename__ = "canaries"

    app_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    percent: Mapped[int]
    by: Mapped[str] = mapped_column(Text, default="")
    why: Mapped[str] = mapped_column(Text, default="")
    changed: Mapped[datetime] = mapped_column(Utc)
    since: Mapped[datetime | None] = mapped_column(Utc)
    """When the share last rose from nothing."""


class ReviewRow(Base):
    """A verdict; the first one stored for its key stays."""

    __tablename__ = "reviews"

    task: Mapped[str] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    subtask: Mapped[str] = mapped_column(String(64), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    proposal_digest: Mapped[str] = mapped_column(String(71), primary_key=True)
    verdict: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(Utc)


class MoveRow(Base):
    """One entry of the state history of a task or subtask."""

    __tablename__ = "moves"
    __table_args__ = (Index("ix_moves_task", "task"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    task: Mapped[str] = mapped_column(ForeignKey("tasks.id"))
    subject: Mapped[str] = mapped_column(String(64))
    before: Mapped[str] = mapped_column(String(16))
    after: Mapped[str] = mapped_column(String(16))
    why: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(Utc)


class DecisionRow(Base):
    """A decision of a person on a slot whose subtask has not gone on yet."""

    __tablename__ = "decisions"

    task: Mapped[str] = mapped_column(ForeignKey("tasks.id"), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    subtask: Mapped[str] = mapped_column(String(64))
    approval: Mapped[int]
    woken: Mapped[int] = mapped_column(default=0)
    wake_at: Mapped[datetime] = mapped_column(Utc)


class CursorRow(Base):
    """Up to which number the facts of another service have been read."""

    __tablename__ = "cursors"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int]


class DeadLetterRow(Base):
    """An event that could not be handled, with its reason."""

    __tablename__ = "dead_letters"
    __table_args__ = (Index("ix_dead_letters_recorded", "recorded", "at"),)

    id: Mapped[str] = mapped_column(String(71), primary_key=True)
    """The digest of topic and body: the same letter twice is one row."""
    topic: Mapped[str] = mapped_column(String(64))
    reason: Mapped[dict[str, Any]] = mapped_column(JSON)
    body: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Utc)
    replayed: Mapped[datetime | None] = mapped_column(Utc)
    recorded: Mapped[bool] = mapped_column(server_default=true())
    """The audit has its record; False is what the sweep sees to."""


class LeaseRow(Base):
    """Who does the sweep, and until when."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime] = mapped_column(Utc)


class CheckpointRow(Base):
    """A signed checkpoint of the audit; a copy of each stands in a file outside."""

    __tablename__ = "checkpoints"
    __table_args__ = (Index("ix_checkpoints_digest", "digest", unique=True),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    root: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(Utc)
    digest: Mapped[str] = mapped_column(String(71))
    """Of ``signed``: the next checkpoint names it."""
    signed: Mapped[str] = mapped_column(Text)
    leaves: Mapped[bytes] = mapped_column(LargeBinary)
    peaks: Mapped[bytes] = mapped_column(LargeBinary)


class AlarmRow(Base):
    """The audit, or what was signed of it, is not what it was after checkpoint ``after``."""

    __tablename__ = "alarms"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    after: Mapped[int]
    at: Mapped[datetime] = mapped_column(Utc)
    says: Mapped[str] = mapped_column(Text)
    acknowledged: Mapped[str | None] = mapped_column(Text)
    """By whom and why; nothing is signed before that."""
