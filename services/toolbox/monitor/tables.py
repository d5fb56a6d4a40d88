"""The tables of the monitor: what it made of each agent, and how often each calls what."""

from datetime import datetime

from sqlalchemy import BigInteger, Float, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.toolbox.tables import Base


class AgentRow(Base):
    """Whether an agent may call, who said so, and of what it was last warned."""

    __tablename__ = "agents"
    app_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    """running or paused"""
    why: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(Text, default="")
    changed_at: Mapped[datetime]
    warned: Mapped[str] = mapped_column(Text, default="")
    warned_at: Mapped[datetime | None]


class RateRow(Base):
    """The calls of one agent to one tool or skill in its last minute, and in a usual one."""

    __tablename__ = "call_rates"
    agent: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int]
    baseline: Mapped[float] = mapped_column(Float)
    minutes: Mapped[int]
    """How many minutes the baseline is made of."""
