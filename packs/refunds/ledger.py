"""The pack's own tables in the ledger: orders, refunds, questions."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from quartet.packs.columns import Cents, Moment

NOT_CANCELLED = "status <> 'cancelled'"


class Base(DeclarativeBase):
    """The tables of refunds."""

    type_annotation_map = {datetime: Moment}  # noqa: RUF012 - SQLAlchemy's name


class OrderRow(Base):
    """A customer's order and what was paid for it; a refund goes back to who paid."""

    __tablename__ = "refund_orders"
    number: Mapped[str] = mapped_column(String(20), primary_key=True)
    customer: Mapped[str] = mapped_column(String(40))
    currency: Mapped[str] = mapped_column(String(3))
    paid: Mapped[Decimal] = mapped_column(Cents)


class RefundRow(Base):
    """A refund of an order; one per effect."""

    __tablename__ = "refunds"
    effect: Mapped[str] = mapped_column(String(40), primary_key=True)
    order: Mapped[str] = mapped_column(ForeignKey("refund_orders.number"))
    amount: Mapped[Decimal] = mapped_column(Cents)
    status: Mapped[Literal["scheduled", "handed-over", "cancelled"]] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    __table_args__ = (
        Index(
            "one_live_refund_per_amount",
            "order",
            "amount",
            unique=True,
            sqlite_where=text(NOT_CANCELLED),
            postgresql_where=text(NOT_CANCELLED),
        ),
    )


class QuestionRow(Base):
    """A question about a request that cannot be decided from the ledger."""

    __tablename__ = "refund_questions"
    effect: Mapped[str] = mapped_column(String(40), primary_key=True)
    question: Mapped[str] = mapped_column(Text)
    status: Mapped[Literal["open", "closed"]] = mapped_column(String(8))
    at: Mapped[datetime]
