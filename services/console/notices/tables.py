"""The tables of the console: what waits for people, what they are told, who tells it."""

from datetime import datetime

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from quartet.contracts.base import Fields
from quartet.packs.columns import Moment


class Base(DeclarativeBase):
    """The console's own tables."""

    type_annotation_map = {datetime: Moment, Fields: JSON}  # noqa: RUF012 - SQLAlchemy's name


class WaitingRow(Base):
    """An approval as its events told it; ``state`` is empty while it waits."""

    __tablename__ = "waiting"
    approval: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    asked: Mapped[Fields]
    """A quartet.contracts.approval.ApprovalRequested; empty when its end was heard first."""
    state: Mapped[str] = mapped_column(String(16), default="")
    expires_at: Mapped[datetime | None]
    remind_at: Mapped[datetime | None]
    reminders: Mapped[int] = mapped_column(default=0)
    reassigned: Mapped[int] = mapped_column(default=0)
    __table_args__ = (Index("ix_waiting_remind_at", "remind_at"),)


class NoticeRow(Base):
    """One message to one target; its id stays the same however often it is sent."""

    __tablename__ = "notices"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    approval: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    """asked, reminder, or what was decided"""
    channel: Mapped[str] = mapped_column(String(16))
    target: Mapped[str] = mapped_column(Text)
    about: Mapped[Fields]
    made_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    """None once it is sent or given up."""
    failures: Mapped[int] = mapped_column(default=0)
    sent_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text, default="")
    __table_args__ = (Index("ix_notices_due_at", "due_at"),)


class LeaseRow(Base):
    """Which replica sends, and until when."""

    __tablename__ = "console_leases"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    until: Mapped[datetime]
