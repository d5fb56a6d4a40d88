"""What payments and credits of one vendor come to in a run; which of them are in it is elsewhere.

A credit on an order nets off no more than what was paid of that order: together with the order's
other credits, up to the payments that closed runs have settled and those of this run. What it has
left waits, so a credit note that comes before its invoice nets off nothing until that is paid, and
one on an order that is never billed nets off nothing ever.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packs.payables.ledger import PaymentRow

ZERO = Decimal(0)


@dataclass(frozen=True)
class Netting:
    """What one transfer is made of: each entry with how much of it counts now."""

    payments: tuple[tuple[PaymentRow, Decimal], ...]
    credits: tuple[tuple[PaymentRow, Decimal], ...]

    @property
    def amount(self) -> Decimal:
        """What is left to transfer."""
        return sum((a for _, a in self.payments), ZERO) - sum((a for _, a in self.credits), ZERO)


class Room:
    """How much credits may still net off, by order; what is netted off is taken from it."""

    def __init__(self, session: Session, entries: Iterable[PaymentRow]) -> None:
        """Take the entries of a run; read what closed runs have counted of their orders."""
        entries = tuple(entries)
        self._left: dict[str, Decimal] = defaultdict(Decimal)
        orders = {e.order for e in entries if e.kind == "credit" and e.order is not None}
        counted = (
            select(PaymentRow.order, PaymentRow.kind, func.sum(PaymentRow.used))
            .where(PaymentRow.order.in_(orders), PaymentRow.used > ZERO)
            .group_by(PaymentRow.order, PaymentRow.kind)
        )
        for order, kind, used in session.execute(counted):
            self._left[str(order)] += used if kind == "payment" else -used
        for entry in entries:
            if entry.kind == "payment" and entry.order is not None:
                self._left[entry.order] += entry.amount

    def take(self, credit: PaymentRow, most: Decimal) -> Decimal:
        """Return how much of a credit nets off, ``most`` at most; one of no order has no limit."""
        part = min(credit.amount - credit.used, most)
        if credit.order is None:
            return part
        part = max(min(part, self._left[credit.order]), ZERO)
        self._left[credit.order] -= part
        return part


def net(entries: Sequence[PaymentRow], room: Room) -> Netting:
    """Net payments of one vendor, currency and account against its credits, oldest credits first.

    What a credit has left after that waits for the next run; without a payment it waits whole.
    """
    payments = tuple((e, e.amount) for e in entries if e.kind == "payment")
    left = sum((amount for _, amount in payments), ZERO)
    used: list[tuple[PaymentRow, Decimal]] = []
    for entry in entries:
        if entry.kind == "credit" and (part := room.take(entry, left)) > 0:
            used.append((entry, part))
            left -= part
    return Netting(payments, tuple(used))
