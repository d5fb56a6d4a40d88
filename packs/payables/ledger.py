"""The pack's own tables in the ledger: vendor master, orders, receipts, payments, runs, cases."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import Date, ForeignKey, ForeignKeyConstraint, Index, String, Text, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from quartet.packs.columns import Cents, Exact, Moment

Kind = Literal["payment", "credit"]
NOT_CANCELLED = "status <> 'cancelled'"


class Base(DeclarativeBase):
    """The tables of payables."""

    type_annotation_map = {datetime: Moment, date: Date}  # noqa: RUF012 - SQLAlchemy's name


class CompanyRow(Base):
    """Who pays, one row: the debtor of the payment file."""

    __tablename__ = "company"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    vat_id: Mapped[str] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(2))
    iban: Mapped[str] = mapped_column(String(34))
    bic: Mapped[str | None] = mapped_column(String(11))


class VendorRow(Base):
    """One row of the vendor master; what is paid goes to its account and to no other."""

    __tablename__ = "vendors"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    vat_id: Mapped[str | None] = mapped_column(String(20), unique=True)
    country: Mapped[str] = mapped_column(String(2))
    iban: Mapped[str] = mapped_column(String(34))
    bic: Mapped[str | None] = mapped_column(String(11))
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16))
    """active or blocked"""


class OrderRow(Base):
    """A purchase order."""

    __tablename__ = "orders"
    number: Mapped[str] = mapped_column(String(100), primary_key=True)
    vendor: Mapped[str] = mapped_column(ForeignKey("vendors.id"))
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(16))
    """open or closed"""
    lines: Mapped[list["OrderLineRow"]] = relationship(order_by="OrderLineRow.line")


class OrderLineRow(Base):
    """What was ordered, at which net price per unit."""

    __tablename__ = "order_lines"
    order: Mapped[str] = mapped_column(ForeignKey("orders.number"), primary_key=True)
    line: Mapped[str] = mapped_column(String(100), primary_key=True)
    item_id: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    quantity: Mapped[Decimal] = mapped_column(Exact)
    unit: Mapped[str] = mapped_column(String(8))
    price: Mapped[Decimal] = mapped_column(Exact)
    vat_rate: Mapped[Decimal | None] = mapped_column(Exact)
    """In percent; None where the master data names none."""


class ReceiptRow(Base):
    """How much of an order line has arrived with one delivery."""

    __tablename__ = "receipts"
    number: Mapped[str] = mapped_column(String(100), primary_key=True)
    order: Mapped[str] = mapped_column(ForeignKey("orders.number"), primary_key=True)
    line: Mapped[str] = mapped_column(String(100), primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(Exact)


class RunRow(Base):
    """A closed payment run, with its debtor as it was then."""

    __tablename__ = "payment_runs"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    message: Mapped[str] = mapped_column(String(35), unique=True)
    closed_at: Mapped[datetime]
    debtor: Mapped[str] = mapped_column(String(200))
    iban: Mapped[str] = mapped_column(String(34))
    bic: Mapped[str | None] = mapped_column(String(11))


class PaymentRow(Base):
    """A payment to a vendor, or a credit that nets off with payments; one per effect."""

    __tablename__ = "payments"
    effect: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[Kind] = mapped_column(String(8))
    vendor: Mapped[str] = mapped_column(ForeignKey("vendors.id"))
    number: Mapped[str] = mapped_column(String(100))
    normal_number: Mapped[str] = mapped_column(Text)
    order: Mapped[str | None] = mapped_column(String(100))
    net: Mapped[Decimal] = mapped_column(Exact)
    """What it bills, or credits, of its order, without VAT."""
    amount: Mapped[Decimal] = mapped_column(Cents)
    used: Mapped[Decimal] = mapped_column(Cents)
    """Of a credit: how much of it closed runs have netted off."""
    currency: Mapped[str] = mapped_column(String(3))
    iban: Mapped[str] = mapped_column(String(34))
    due_date: Mapped[date | None]
    status: Mapped[str] = mapped_column(String(16))
    """scheduled, settled (in closed runs, wholly) or cancelled"""
    scheduled_at: Mapped[datetime]
    __table_args__ = (
        Index(
            "one_live_payment_per_number",
            "kind",
            "vendor",
            "normal_number",
            unique=True,
            sqlite_where=text(NOT_CANCELLED),
            postgresql_where=text(NOT_CANCELLED),
        ),
        Index("payments_of_an_order", "order"),
    )


class BilledRow(Base):
    """How much of an order line a payment bills, or a credit credits, until it is cancelled."""

    __tablename__ = "billed"
    effect: Mapped[str] = mapped_column(ForeignKey("payments.effect"), primary_key=True)
    line: Mapped[str] = mapped_column(String(100), primary_key=True)
    quantity: Mapped[Decimal] = mapped_column(Exact)


class TransferRow(Base):
    """One bank transfer of a closed run: to one account, with creditor as it was then."""

    __tablename__ = "transfers"
    run: Mapped[int] = mapped_column(ForeignKey("payment_runs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    vendor: Mapped[str] = mapped_column(ForeignKey("vendors.id"))
    name: Mapped[str] = mapped_column(String(200))
    iban: Mapped[str] = mapped_column(String(34))
    bic: Mapped[str | None] = mapped_column(String(11))
    currency: Mapped[str] = mapped_column(String(3))
    amount: Mapped[Decimal] = mapped_column(Cents)
    """Zero where credits net the payments off wholly; such a one is in no file."""
    items: Mapped[list["RunItemRow"]] = relationship(order_by="RunItemRow.item")


class RunItemRow(Base):
    """What a payment or credit counted for in a transfer; several for a credit in several runs."""

    __tablename__ = "run_items"
    run: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    item: Mapped[int] = mapped_column(primary_key=True)
    effect: Mapped[str] = mapped_column(ForeignKey("payments.effect"))
    amount: Mapped[Decimal] = mapped_column(Cents)
    payment: Mapped[PaymentRow] = relationship()
    __table_args__ = (
        ForeignKeyConstraint(["run", "position"], ["transfers.run", "transfers.position"]),
    )


class CaseRow(Base):
    """An invoice that is held, or that somebody is asked about; one per effect."""

    __tablename__ = "cases"
    effect: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    """hold or ask"""
    seller: Mapped[str] = mapped_column(String(200))
    number: Mapped[str] = mapped_column(String(100))
    reason: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(16))
    """open or closed"""
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
