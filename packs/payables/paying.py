"""The write tools that move money: a payment scheduled, a credit netted off, each until its run."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from packs.payables.billing import Claim, billed_of, find_order
from packs.payables.due import above_net, above_order
from packs.payables.invoice import Part
from packs.payables.ledger import BilledRow, Kind, PaymentRow, VendorRow
from packs.payables.matching import Match, open_for
from quartet.packs.amount import Amount
from quartet.packs.labelling import Critical
from quartet.packs.locking import locked
from quartet.packs.reference import ByReference
from quartet.packs.tool import Books, CannotUndo, Effect, tool
from quartet.resilience.failures import RetryChanged

CLEARING = "clearing"
CENT = Decimal("0.01")


class Matched(Part):
    """Arguments of a tool that acts on a match."""

    match: Annotated[Match, ByReference(("match_invoice",))] = Field(
        description="The result of match_invoice, by reference: `$val-` and 16 hex digits. Vendor, "
        "account, amount and number come from it; without one, match the invoice first."
    )

    def _must_be(self, kind: Kind) -> None:
        if self.match.kind != kind:
            raise ValueError(f"this is a {self.match.kind}, not a {kind}: propose the other tool")
        if not self.match.clear:
            raise ValueError(f"the match is not clear: {'; '.join(self.match.reasons)[:300]}")


class SchedulePayment(Matched):
    """Which matched invoice to pay."""

    @model_validator(mode="after")
    def _is_payable(self) -> Self:
        self._must_be("payment")
        return self


class ScheduleCredit(Matched):
    """Which matched credit note to net off."""

    @model_validator(mode="after")
    def _is_credit(self) -> Self:
        self._must_be("credit")
        return self


class Scheduled(Part):
    """What was scheduled: it goes into the next payment run."""

    vendor_id: str
    number: str
    amount: str
    currency: str
    iban: str


def vendor_account(vendor_id: str) -> str:
    """Return the name of the account of what a vendor is owed."""
    return f"payable:{vendor_id}"


def cancel_payment(arguments: Matched, result: Scheduled, books: Books) -> None:
    """Take a payment or credit out of the open run; raises CannotUndo once a run has used it.

    What a payment has billed of its order may be billed again: its status is what counts.
    """
    del arguments
    row = books.session.get_one(PaymentRow, books.effect, with_for_update=True)
    if row.status == "settled" or row.used > 0:
        raise CannotUndo(
            f"the payment run with {row.kind} {row.number} is closed; ask the bank or the vendor "
            f"for {result.amount} {result.currency} back"
        )
    row.status = "cancelled"
    _post(row, books, back=True)


def _says_payment(arguments: SchedulePayment) -> str:
    m = arguments.match
    return f"pay {m.amount_due} {m.currency} to {m.vendor_name} ({m.iban}) for invoice {m.number}"


def _says_credit(arguments: ScheduleCredit) -> str:
    m = arguments.match
    return (
        f"net off {m.amount_due} {m.currency} with payments to {m.vendor_name} "
        f"for credit note {m.number}"
    )


def _natural_key(arguments: Matched) -> str:
    m = arguments.match
    return f"{m.kind}:{m.vendor_id}:{m.normal_number}"


def _counterparty(arguments: Matched) -> str:
    m = arguments.match
    return f"{m.vendor_name} ({m.vendor_id}), account {m.iban}"


def _amount(arguments: Matched) -> Amount:
    return Amount(arguments.match.amount_due, arguments.match.currency)


def _is_the_masters(arguments: Matched, books: Books) -> bool:
    """Return that vendor, account and currency are the master's now, or raise MatchOutOfDate."""
    _vendor_now(arguments.match, books)
    return True


def _was_received(arguments: SchedulePayment, books: Books) -> bool:
    """Return that order and receipt cover the amount now, or raise MatchOutOfDate."""
    _order_now(arguments.match, _vendor_now(arguments.match, books), books)
    return True


def _was_ordered(arguments: ScheduleCredit, books: Books) -> bool:
    """Return whether an order covers the credit beside others; many credit notes name none.

    It raises MatchOutOfDate when one is named and does not.
    """
    found = arguments.match
    return _order_now(found, _vendor_now(found, books), books) is not None


_PAYEE = (
    Critical("match.vendor_id", _is_the_masters),
    Critical("match.iban", _is_the_masters),
    Critical("match.currency", _is_the_masters),
)


def _payee(arguments: Matched) -> str:
    return str(arguments.match.iban)


def _credited(arguments: Matched) -> str:
    """Return the vendor as the payee of credits, which are counted apart from its payments."""
    return f"credits of {arguments.match.iban}"


@tool(
    "write",
    Effect(
        says=_says_payment,
        natural_key=_natural_key,
        amount=_amount,
        counterparty=_counterparty,
        payee=_payee,
        compensate=cancel_payment,
        critical=(*_PAYEE, Critical("match.amount_due", _was_received)),
        reversible=True,
    ),
)
def schedule_payment(arguments: SchedulePayment, books: Books) -> Scheduled:
    """Schedule the payment of a matched invoice for the next payment run.

    It pays the amount due to the account of the vendor master. Only a match whose checks all hold
    is taken; for any other, hold the invoice or ask about it. When another invoice on the same
    order was scheduled meanwhile and leaves too little of what was received, match it again.
    """
    return _schedule("payment", arguments.match, books)


@tool(
    "write",
    Effect(
        says=_says_credit,
        natural_key=_natural_key,
        amount=_amount,
        counterparty=_counterparty,
        payee=_credited,
        compensate=cancel_payment,
        critical=(*_PAYEE, Critical("match.amount_due", _was_ordered)),
        reversible=True,
    ),
)
def schedule_credit(arguments: ScheduleCredit, books: Books) -> Scheduled:
    """Schedule a matched credit note: it reduces what the vendor is paid in the next runs.

    Only a match whose checks all hold is taken. Credit notes on one order count together: when
    another one was scheduled meanwhile and leaves too little of what was received, match it again.
    """
    return _schedule("credit", arguments.match, books)


def _schedule(kind: Kind, found: Match, books: Books) -> Scheduled:
    vendor = _vendor_now(found, books)
    order = _order_now(found, vendor, books)
    row = PaymentRow(
        effect=books.effect,
        kind=kind,
        vendor=vendor.id,
        number=found.number,
        normal_number=found.normal_number or "",
        order=order,
        net=found.net,
        amount=found.amount_due,
        used=Decimal(0),
        currency=found.currency,
        iban=vendor.iban,
        due_date=found.due_date,
        status="scheduled",
        scheduled_at=books.now,
    )
    books.session.add(row)
    books.session.flush()
    if order is not None:
        books.session.add_all(
            BilledRow(effect=row.effect, line=line, quantity=quantity)
            for line, quantity in found.quantities.items()
        )
    _post(row, books, back=False)
    return Scheduled(
        vendor_id=vendor.id,
        number=found.number,
        amount=f"{found.amount_due:f}",
        currency=found.currency,
        iban=vendor.iban,
    )


def _vendor_now(found: Match, books: Books) -> VendorRow:
    """Return the vendor as it is now; raises RetryChanged when the match is out of date."""
    vendor = locked(books.session, VendorRow, found.vendor_id, shared=True)
    faults = {
        "the vendor is gone": vendor is None,
        "the vendor is not active": vendor is not None and vendor.status != "active",
        "the vendor's account has changed": vendor is not None and vendor.iban != found.iban,
        "the vendor's currency has changed": vendor is not None
        and vendor.currency != found.currency,
        "the amount is not above zero with two places": found.amount_due <= 0
        or found.amount_due != found.amount_due.quantize(CENT),
    }
    wrong = [says for says, holds in faults.items() if holds]
    if vendor is None or wrong:
        raise _out_of_date("; ".join(wrong))
    return vendor


def _order_now(found: Match, vendor: VendorRow, books: Books) -> str | None:
    """Return the number of the order, locked; raises RetryChanged when it leaves too little.

    None for a credit note that names no order.
    """
    if found.kind == "credit" and found.order_number is None:
        return None
    ordered = find_order(books.session, found.order_number, lock=True)
    if ordered is None or not open_for(vendor, ordered):
        raise _out_of_date("the order is no longer an open one of this vendor")
    claim = _claim(found)
    billed = billed_of(books.session, ordered.order.number, claim, is_own=books.is_own)
    over = (*above_net(ordered, claim), *above_order(ordered, claim, billed))
    if over:
        raise _out_of_date("; ".join(over)[:600])
    return ordered.order.number


def _claim(found: Match) -> Claim:
    number, vendor = found.normal_number or "", found.vendor_id or ""
    return Claim(vendor, number, found.quantities, found.net, found.amount_due, found.kind)


def _out_of_date(says: str) -> RetryChanged:
    return RetryChanged(
        f"The invoice is no longer as it was matched: {says}. Match it again.",
        cause="data",
        title="MatchOutOfDate",
    )


def _post(row: PaymentRow, books: Books, *, back: bool) -> None:
    owed = vendor_account(row.vendor)
    debit, credit = (owed, CLEARING) if (row.kind == "payment") != back else (CLEARING, owed)
    books.post(debit, credit, row.amount, row.currency)
