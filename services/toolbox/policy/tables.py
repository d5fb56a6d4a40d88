"""What has been moved, by day, and which policy texts were in force; migration 0007."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Date, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from quartet.packs.columns import Cents
from services.toolbox.tables import Base

Scope = Literal["payee", "agent", "requester", "suite"]


class MovementRow(Base):
    """What one applied effect moved, for whom and on whose word; gone when it is undone."""

    __tablename__ = "movements"
    task: Mapped[str] = mapped_column(String(26), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    payee: Mapped[str] = mapped_column(Text)
    """Empty where nobody in particular gets it."""
    agent: Mapped[str] = mapped_column(Text)
    requester: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(String(3))
    day: Mapped[date] = mapped_column(Date)
    amount: Mapped[Decimal] = mapped_column(Cents)


class MovedRow(Base):
    """The sum of the movements of one payee, agent, requester or the suite on one day."""

    __tablename__ = "moved"
    scope: Mapped[Scope] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(Text, primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    amount: Mapped[Decimal] = mapped_column(Cents)


class PolicyRow(Base):
    """A policy that came into force: its exact texts, which ``version`` is the digest of."""

    __tablename__ = "policies"
    number: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(String(71))
    mode: Mapped[str] = mapped_column(String(16))
    suite: Mapped[str] = mapped_column(Text)
    pack: Mapped[str] = mapped_column(Text)
    schema: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime]
