"""Loading master data into the ledger: company, vendors, orders, receipts; no payments."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, StringConstraints
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packs.payables.invoice import Country, Currency, Iban, Identifier, Number, Part
from packs.payables.invoice import Name as Text
from packs.payables.ledger import (
    CompanyRow,
    OrderLineRow,
    OrderRow,
    ReceiptRow,
    VendorRow,
)
from quartet.packs.tool import Books, tool

SAMPLE_BOOKS = Path(__file__).parent / "samples" / "books.yaml"
VatId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[A-Z0-9]{2,18}$")]
Bic = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,40}$")]


class Company(Part):
    """Who pays."""

    name: Text
    vat_id: VatId
    country: Country
    iban: Iban
    bic: Bic | None = None


class Vendor(Part):
    """One row of the vendor master."""

    id: Key
    name: Text
    vat_id: VatId | None = None
    country: Country
    iban: Iban
    bic: Bic | None = None
    currency: Currency = "EUR"
    status: Literal["active", "blocked"] = "active"


class OrderLine(Part):
    """What was ordered, at which net price per unit."""

    line: Identifier
    item_id: Identifier
    name: Text
    quantity: Number
    unit: Key
    price: Number
    vat_rate: Number | None = None


class Order(Part):
    """A purchase order."""

    number: Identifier
    vendor: Key
    currency: Currency
    status: Literal["open", "closed"] = "open"
    lines: tuple[OrderLine, ...]


class ReceiptLine(Part):
    """How much of an order line has arrived."""

    line: Identifier
    quantity: Number


class Receipt(Part):
    """A goods receipt."""

    number: Identifier
    order: Identifier
    lines: tuple[ReceiptLine, ...]


class MasterData(Part):
    """Master data to load; what is there already under the same key is replaced."""

    company: Company = Field(description="The company that pays: the debtor of payment files.")
    vendors: tuple[Vendor, ...] = Field(default=(), description="Vendors, by id.")
    orders: tuple[Order, ...] = Field(default=(), description="Orders, by number, whole.")
    receipts: tuple[Receipt, ...] = Field(default=(), description="Receipts, by number, whole.")


class Nothing(Part):
    """Nothing is asked for."""


class Loaded(Part):
    """How many of each the ledger has now."""

    vendors: int
    orders: int
    receipts: int


@tool("operation")
def load_books(arguments: MasterData, books: Books) -> Loaded:
    """Load vendors, orders and receipts; loading the same again changes nothing."""
    session = books.session
    session.merge(CompanyRow(id=1, **arguments.company.model_dump()))
    for vendor in arguments.vendors:
        session.merge(VendorRow(**vendor.model_dump()))
    session.flush()
    for order in arguments.orders:
        session.merge(OrderRow(**order.model_dump(exclude={"lines"})))
    session.flush()
    for order in arguments.orders:
        for line in order.lines:
            session.merge(OrderLineRow(order=order.number, **line.model_dump()))
    for receipt in arguments.receipts:
        for arrived in receipt.lines:
            session.merge(
                ReceiptRow(number=receipt.number, order=receipt.order, **arrived.model_dump())
            )
    session.flush()
    return _counted(session)


@tool("operation")
def load_sample_books(arguments: Nothing, books: Books) -> Loaded:
    """Load the master data of the sample documents into an empty ledger; no other is changed."""
    del arguments
    if books.session.get(CompanyRow, 1) is not None:
        return _counted(books.session)
    content = yaml.safe_load(SAMPLE_BOOKS.read_text(encoding="utf-8"))
    return load_books(MasterData.model_validate(content), books)


def _counted(session: Session) -> Loaded:
    return Loaded(
        vendors=session.scalar(select(func.count(VendorRow.id))) or 0,
        orders=session.scalar(select(func.count(OrderRow.number))) or 0,
        receipts=session.scalar(select(func.count(ReceiptRow.number.distinct()))) or 0,
    )
