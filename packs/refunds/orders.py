"""The read tools, and loading orders: what was paid, what was given back. Decides nothing."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, PlainSerializer
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packs.refunds.ledger import OrderRow, RefundRow
from packs.refunds.request import Part, Request, Words
from quartet.packs.amount import Currency, Price
from quartet.packs.labelling import Origins
from quartet.packs.locking import locked
from quartet.packs.tool import Books, tool

SAMPLE_ORDERS = Path(__file__).parent / "samples" / "orders.yaml"
Sum = Annotated[
    Decimal,
    Field(ge=0, max_digits=14, decimal_places=2),
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str, when_used="json"),
]
Number = Annotated[str, Field(pattern=r"^O-[0-9]{4,8}$")]


class Which(Part):
    """Which order."""

    number: Number = Field(
        description="The order's number, O- and digits, by reference to the result of "
        "read_request: `$val-....order_number`; ask about the refund when it is missing."
    )


class Found(Part):
    """An order as the ledger has it now; nothing but the number when there is none."""

    number: Number
    found: bool
    customer: str | None = None
    currency: Currency | None = None
    paid: Sum = Decimal(0)
    left: Sum = Decimal(0)
    """What of it was not refunded yet."""
    refunds: int = 0
    """How many refunds the customer has had."""


@tool("read", origins=Origins(goal=("words",), readers={"": "agents"}))
def read_request(arguments: Words, books: Books) -> Request:
    """Read the order number and the amount that a requester's words name, by a fixed form.

    Both have to be named once; what the words say otherwise counts for nothing. Of any words but
    the task's whole goal a person has to say that they were meant.
    """
    del books
    return Request.of(arguments.words)


_OF_THE_LEDGER = ("found", "customer", "currency", "paid", "left", "refunds")


@tool("read", origins=Origins(confirmed=_OF_THE_LEDGER, readers={"": "agents"}))
def find_order(arguments: Which, books: Books) -> Found:
    """Find an order: who paid how much for it, and what is left of it."""
    return look(arguments.number, books.session)


def look(number: str, session: Session, *, lock: bool = False) -> Found:
    """Return an order as it is now; its row is locked until the transaction ends if asked."""
    order = locked(session, OrderRow, number) if lock else session.get(OrderRow, number)
    if order is None:
        return Found(number=number, found=False)
    live = RefundRow.status != "cancelled"
    refunded = session.scalar(
        select(func.sum(RefundRow.amount)).where(RefundRow.order == number, live)
    )
    refunds = session.scalar(
        select(func.count(RefundRow.effect))
        .join(OrderRow, OrderRow.number == RefundRow.order)
        .where(OrderRow.customer == order.customer, live)
    )
    return Found(
        number=number,
        found=True,
        customer=order.customer,
        currency=order.currency,
        paid=order.paid,
        left=order.paid - (refunded or Decimal(0)),
        refunds=refunds or 0,
    )


class Order(Part):
    """One order to load."""

    number: Number
    customer: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    currency: Currency = "EUR"
    paid: Price


class Orders(Part):
    """Orders to load; one that is there already is replaced."""

    orders: tuple[Order, ...] = Field(description="Orders, by number.")


class Nothing(Part):
    """Nothing is asked for."""


class Loaded(Part):
    """How many orders the ledger has now."""

    orders: int


@tool("operation")
def load_orders(arguments: Orders, books: Books) -> Loaded:
    """Load orders; loading the same again changes nothing."""
    for order in arguments.orders:
        books.session.merge(OrderRow(**order.model_dump()))
    books.session.flush()
    return _counted(books.session)


@tool("operation")
def load_sample_orders(arguments: Nothing, books: Books) -> Loaded:
    """Load the sample orders into an empty ledger; no other is changed."""
    del arguments
    if _counted(books.session).orders:
        return _counted(books.session)
    content = yaml.safe_load(SAMPLE_ORDERS.read_text(encoding="utf-8"))
    return load_orders(Orders.model_validate(content), books)


def _counted(session: Session) -> Loaded:
    return Loaded(orders=session.scalar(select(func.count(OrderRow.number))) or 0)
