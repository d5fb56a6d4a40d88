"""The tables of budgets: accounts, the tasks they belong to, and reservations.

Money is a whole number of billionths of a dollar, so that a conditional update adds exactly.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.toolbox.tables import Base


class AccountRow(Base):
    """What one task, or one agent, user or tenant on one day, has spent, reserved and may."""

    __tablename__ = "budget_accounts"
    scope: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    """The day as YYYY-MM-DD, UTC; empty for a task."""
    spent_usd_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    spent_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    spent_model_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    spent_tool_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    reserved_usd_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    reserved_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    reserved_model_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    reserved_tool_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    limit_usd_nano: Mapped[int | None] = mapped_column(BigInteger)
    limit_tokens: Mapped[int | None] = mapped_column(BigInteger)
    limit_model_calls: Mapped[int | None] = mapped_column(BigInteger)
    limit_tool_calls: Mapped[int | None] = mapped_column(BigInteger)
    soft_usd_nano: Mapped[int | None] = mapped_column(BigInteger)
    """From here on a person is asked; None once a person has allowed the rest."""
    opened_at: Mapped[datetime]


class BudgetedTaskRow(Base):
    """Whose budget a task uses, and what it waits for while a person has to act."""

    __tablename__ = "budgeted_tasks"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    requester: Mapped[str] = mapped_column(Text)
    tenant: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime] = mapped_column(index=True)
    asked_at: Mapped[datetime | None]
    """When the soft limit was met."""
    answer: Mapped[str | None] = mapped_column(String(8))
    """allowed or refused, by a person"""
    waits_for: Mapped[str | None] = mapped_column(String(64))
    """A paused app-id, or ``a person`` for the soft limit, when last a call was put off."""
    waits_since: Mapped[datetime | None]


class ReservationRow(Base):
    """One reserved call: its worst case, and what it came to."""

    __tablename__ = "reservations"
    id: Mapped[str] = mapped_column(String(28), primary_key=True)
    call: Mapped[str] = mapped_column(String(71))
    """The digest of task, subtask, attempt, caller, name and arguments."""
    number: Mapped[int]
    task: Mapped[str] = mapped_column(String(26))
    subtask: Mapped[str] = mapped_column(String(64))
    attempt: Mapped[int]
    producer: Mapped[str] = mapped_column(String(64))
    caller: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    name: Mapped[str] = mapped_column(String(200))
    arguments_digest: Mapped[str] = mapped_column(String(71))
    day: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(8))
    """open, settled, released, unknown (closed at its worst case) or late (settled after that)"""
    worst_usd_nano: Mapped[int] = mapped_column(BigInteger)
    worst_tokens: Mapped[int] = mapped_column(BigInteger)
    usd_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("call", "number"),
        Index("ix_reservations_open", "state", "expires_at"),
        Index("ix_reservations_task", "task", "subtask"),
        Index("ix_reservations_caller", "caller", "opened_at"),
    )
