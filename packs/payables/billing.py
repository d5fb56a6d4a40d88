"""What of an order may still be billed: received, less what other live payments have billed.

An invoice counts against its order in two ways. Each line that names an order line counts by its
quantity; the invoice as a whole counts by its net total, which is all that there is of a line that
names none. Neither is ever below zero: a negative line gives nothing back.

- A payment counts from when it is scheduled until it is cancelled; its status alone says so.
- A payment that is held for approval counts nothing. It is not decided, and a claim would let a
  large invoice that nobody approves keep the vendor's other invoices from being paid. Its tool
  looks again when it is applied, so whichever is applied first is paid, and approving the other
  is refused as out of date.
- Credit notes count together in the same way, apart from payments: what live credits have credited
  is taken off what was received. How much of them a run nets off is netting's.
- A credit note gives nothing back. It does not say whether goods went back (then less was received,
  too) or a price was put right (then the quantity stays billed): given back, twenty units could be
  billed, credited at a cent each, and billed again. What is to be billed anew after a credit note
  is held, for a person to decide.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from packs.payables.invoice import Invoice
from packs.payables.ledger import (
    BilledRow,
    Kind,
    OrderLineRow,
    OrderRow,
    PaymentRow,
    ReceiptRow,
)
from packs.payables.normal import clean_text
from quartet.packs.locking import locked

ZERO = Decimal(0)
IsOwn = Callable[[str], bool]
"""Whether an effect is of the tenant that is asked for; of others no number is told."""
FOREIGN = "an invoice of another tenant"
PRICE_TOLERANCE = Decimal("0.02")
"""How far above the ordered price a price may be, as a share; below is never a problem."""
LIMIT = 1 + PRICE_TOLERANCE
_SHOWN = 40
_DONE: Mapping[Kind, str] = {"payment": "billed", "credit": "credited"}


@dataclass(frozen=True)
class Claim:
    """What an invoice bills: by order line, and net in all. It never counts against itself."""

    vendor: str
    number: str
    """As the duplicate rule compares it."""
    quantities: Mapping[str, Decimal]
    net: Decimal
    due: Decimal = ZERO
    """What it asks for, with VAT."""
    kind: Kind = "payment"


@dataclass
class Billed:
    """What others of the same kind have billed, or credited, of an order.

    Their numbers are told where they are of the tenant that asks.
    """

    quantities: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    net: Decimal = ZERO
    due: Decimal = ZERO
    by_line: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    numbers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ordered:
    """An order as matched: its lines and what of each was received."""

    order: OrderRow
    lines: dict[str, OrderLineRow]
    received: dict[str, Decimal]

    def worth(self, quantities: Mapping[str, Decimal]) -> Decimal:
        """Return what quantities of order lines are worth at the ordered prices."""
        prices = self.lines.items()
        return sum((line.price * quantities.get(name, ZERO) for name, line in prices), ZERO)


def by_order_line(invoice: Invoice) -> dict[str, Decimal]:
    """Return the quantities of the lines that name an order line; negative ones are taken off."""
    quantities: dict[str, Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        if line.order_line is not None:
            quantities[line.order_line] += line.quantity
    return quantities


def claim_of(invoice: Invoice, vendor: str | None, number: str | None) -> Claim:
    """Return what an invoice bills, or a credit note credits."""
    return Claim(
        vendor=vendor or "",
        number=number or "",
        quantities={name: q for name, q in by_order_line(invoice).items() if q > 0},
        net=max(invoice.totals.net, ZERO),
        due=max(invoice.totals.payable, ZERO),
        kind="credit" if invoice.kind == "credit-note" else "payment",
    )


def find_order(session: Session, number: str | None, *, lock: bool = False) -> Ordered | None:
    """Return an order with what was received of it.

    With ``lock`` nobody else schedules a payment of this order until the transaction ends.
    """
    if number is None:
        return None
    key = clean_text(number)
    order = locked(session, OrderRow, key) if lock else session.get(OrderRow, key)
    if order is None:
        return None
    received: dict[str, Decimal] = defaultdict(Decimal)
    arrived = select(ReceiptRow.line, ReceiptRow.quantity).where(ReceiptRow.order == order.number)
    for line, quantity in session.execute(arrived):
        received[line] += quantity
    return Ordered(order, {line.line: line for line in order.lines}, received)


def everyones(_: str) -> bool:
    """Tell every effect: for the suite itself."""
    return True


def billed_of(
    session: Session,
    order: str,
    but: Claim | None = None,
    kind: Kind = "payment",
    is_own: IsOwn = everyones,
) -> Billed:
    """Return what live payments, or credits, have billed of an order, but for those of one claim.

    With ``but`` they are those of its kind.
    """
    live = [
        PaymentRow.kind == (but.kind if but else kind),
        PaymentRow.order == order,
        PaymentRow.status != "cancelled",
    ]
    if but is not None:
        live.append(or_(PaymentRow.vendor != but.vendor, PaymentRow.normal_number != but.number))
    billed = Billed()
    payments = select(
        PaymentRow.effect, PaymentRow.number, PaymentRow.net, PaymentRow.amount
    ).where(*live)
    rows = session.execute(payments.order_by(PaymentRow.scheduled_at))
    for effect, number, net, due in rows:
        billed.net += net
        billed.due += due
        billed.numbers.append(number if is_own(effect) else FOREIGN)
    lines = (
        select(PaymentRow.effect, PaymentRow.number, BilledRow.line, BilledRow.quantity)
        .join(BilledRow, BilledRow.effect == PaymentRow.effect)
        .where(*live)
        .order_by(PaymentRow.scheduled_at)
    )
    for effect, number, line, quantity in session.execute(lines):
        billed.quantities[line] += quantity
        billed.by_line[line].append(number if is_own(effect) else FOREIGN)
    return billed


def beyond(ordered: Ordered, claim: Claim, billed: Billed) -> Iterator[str]:
    """Say what a claim bills above what was received and is not billed yet, by line or else in all.

    A credit note credits, likewise, no more than was received and is not credited yet.

    The total bounds what lines cannot: invoices that name no order lines, alone and beside others.
    """
    over, done = False, _DONE[claim.kind]
    for name, quantity in claim.quantities.items():
        got, before = ordered.received.get(name, ZERO), billed.quantities.get(name, ZERO)
        if name in ordered.lines and quantity + before > got:
            over = True
            says = f"{quantity:f} of order line {name} are {done}, {got:f} were received"
            yield says + _already(f"{before:f} are {done}", billed.by_line.get(name))
    worth = ordered.worth(ordered.received)
    if not over and claim.net + billed.net > worth * LIMIT:
        says = f"the net total {claim.net:f} is above what the order gives, {worth:.2f}"
        yield says + _already(f"of which {billed.net:.2f} is {done}", billed.numbers)


def _already(what: str, numbers: list[str] | None) -> str:
    if not numbers:
        return ""
    more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
    return f", {what} already by {numbers[0][:_SHOWN]}{more}"
