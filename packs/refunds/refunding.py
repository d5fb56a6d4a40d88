"""The write tool that gives money back, and the operations about it."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from sqlalchemy import ColumnElement, select

from packs.refunds.ledger import OrderRow, RefundRow
from packs.refunds.orders import Found, Nothing, look
from packs.refunds.request import Part, Request
from quartet.contracts.policy import Risk
from quartet.packs.amount import Amount
from quartet.packs.labelling import Critical, Leaving
from quartet.packs.reference import ByReference
from quartet.packs.tool import Books, CannotUndo, Effect, tool
from quartet.resilience.failures import RetryChanged

CLEARING = "clearing"
OFTEN = 3


class RefundOrder(Part):
    """Which order to refund, by how much, and why."""

    request: Annotated[Request, ByReference(("read_request",))] = Field(
        description="The result of read_request, by reference: `$val-` and 16 hex digits. The "
        "amount comes from it; without one, ask about the refund."
    )
    order: Annotated[Found, ByReference(("find_order",))] = Field(
        description="The result of find_order, by reference: `$val-` and 16 hex digits. The "
        "customer who gets the money comes from it; without one, find the order first."
    )
    reason: str = Field(
        description="Why, in one sentence for a person.", min_length=1, max_length=400
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if not self.request.clear or self.request.amount is None:
            raise ValueError(f"the request is not clear: {self.request.says}")
        if not self.order.found:
            raise ValueError(f"there is no order {self.order.number}")
        if self.request.order_number != self.order.number:
            raise ValueError("request and order are not about the same order number")
        if self.request.currency != self.order.currency:
            raise ValueError(f"the order was paid in {self.order.currency}")
        return self

    @property
    def amount(self) -> Decimal:
        """What is to be given back."""
        if self.request.amount is None:
            raise ValueError("the request names no amount")
        return self.request.amount


class Refunded(Part):
    """What was scheduled: it is handed over with the next ones."""

    order: str
    customer: str
    amount: str
    currency: str


def _amount(arguments: RefundOrder) -> Amount:
    return Amount(arguments.amount, str(arguments.order.currency))


def _payee(arguments: RefundOrder) -> str:
    return str(arguments.order.customer)


def _says(arguments: RefundOrder) -> str:
    order = arguments.order
    return f"refund {arguments.amount} {order.currency} of order {order.number} to {order.customer}"


def _natural_key(arguments: RefundOrder) -> str:
    return f"refund:{arguments.order.number}:{arguments.amount}"


def _risk(arguments: RefundOrder) -> Risk:
    return "high" if arguments.order.refunds >= OFTEN else "low"


def _is_refundable(arguments: RefundOrder, books: Books) -> bool:
    """Return that the order is the customer's and leaves enough, or raise OrderOutOfDate."""
    _order_now(arguments, books)
    return True


def take_back(arguments: RefundOrder, result: Refunded, books: Books) -> None:
    """Cancel a refund; raises CannotUndo once it was handed over."""
    row = books.session.get_one(RefundRow, books.effect, with_for_update=True)
    if row.status != "scheduled":
        raise CannotUndo(
            f"the refund of order {result.order} is {row.status}; ask {result.customer} for "
            f"{result.amount} {result.currency} back"
        )
    row.status = "cancelled"
    books.post(CLEARING, f"refund:{result.customer}", arguments.amount, result.currency)


@tool(
    "write",
    Effect(
        says=_says,
        natural_key=_natural_key,
        amount=_amount,
        counterparty=_payee,
        payee=_payee,
        compensate=take_back,
        reversible=True,
        risk=_risk,
        critical=(
            # What to give back, and of which order, the requester says: no order confirms it.
            Critical("request.amount"),
            Critical("order.number"),
            Critical("order.customer", _is_refundable),
        ),
        leaving=(Leaving("reason", to="people"),),
    ),
)
def refund_order(arguments: RefundOrder, books: Books) -> Refunded:
    """Refund an amount of an order to the customer who paid it.

    Propose it when the request is clear and the order leaves enough; otherwise ask.
    """
    order = _order_now(arguments, books)
    books.session.add(
        RefundRow(
            effect=books.effect,
            order=order.number,
            amount=arguments.amount,
            status="scheduled",
            reason=arguments.reason,
            at=books.now,
        )
    )
    currency = str(order.currency)
    books.post(f"refund:{order.customer}", CLEARING, arguments.amount, currency)
    return Refunded(
        order=order.number,
        customer=str(order.customer),
        amount=f"{arguments.amount:f}",
        currency=currency,
    )


def _order_now(arguments: RefundOrder, books: Books) -> Found:
    """Return the order as it is now, locked; raises RetryChanged when it leaves too little."""
    order = look(arguments.order.number, books.session, lock=True)
    if (
        not order.found
        or order.customer != arguments.order.customer
        or order.left < arguments.amount
    ):
        raise RetryChanged(
            f"Order {order.number} leaves {order.left} {order.currency or ''} to refund to "
            f"{order.customer or 'nobody'}. Find the order again, and ask if that is too little.",
            cause="data",
            title="OrderOutOfDate",
        )
    return order


class Refund(Part):
    """One refund."""

    effect: str
    order: str
    customer: str
    amount: str
    currency: str
    status: Literal["scheduled", "handed-over", "cancelled"]


class Refunds(Part):
    """Refunds, the oldest first."""

    refunds: tuple[Refund, ...]


@tool("operation")
def list_refunds(arguments: Nothing, books: Books) -> Refunds:
    """List every refund."""
    del arguments
    return _listed(books, RefundRow.status.is_not(None))


@tool("operation")
def hand_over_refunds(arguments: Nothing, books: Books) -> Refunds:
    """Hand the scheduled refunds over to the payment provider: none can be taken back then."""
    del arguments
    scheduled = select(RefundRow).where(RefundRow.status == "scheduled").with_for_update()
    rows = books.session.scalars(scheduled).all()
    for row in rows:
        row.status = "handed-over"
    books.session.flush()
    return _listed(books, RefundRow.effect.in_([r.effect for r in rows]))


def _listed(books: Books, which: ColumnElement[bool]) -> Refunds:
    rows = books.session.execute(
        select(RefundRow, OrderRow)
        .join(OrderRow, OrderRow.number == RefundRow.order)
        .where(which)
        .order_by(RefundRow.at, RefundRow.effect)
    )
    return Refunds(
        refunds=tuple(
            Refund(
                effect=refund.effect,
                order=order.number,
                customer=order.customer,
                amount=f"{refund.amount:f}",
                currency=order.currency,
                status=refund.status,
            )
            for refund, order in rows
        )
    )
