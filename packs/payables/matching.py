"""Matching an invoice to vendor, order, receipt and what was paid already; it decides nothing.

How invoices on one order count together is in billing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, PlainSerializer
from sqlalchemy import select
from sqlalchemy.orm import Session

from packs.payables.billing import (
    LIMIT,
    ZERO,
    Claim,
    IsOwn,
    Ordered,
    billed_of,
    by_order_line,
    claim_of,
    everyones,
    find_order,
)
from packs.payables.due import above_net, above_order, stated_beyond
from packs.payables.en16931 import arithmetic
from packs.payables.invoice import Currency, Iban, Identifier, Invoice, Money, Part
from packs.payables.ledger import Kind, PaymentRow, VendorRow
from packs.payables.normal import normal_name, normal_number

Quantity = Annotated[
    Decimal, PlainSerializer(lambda q: f"{q:f}", return_type=str, when_used="json")
]


class Match(Part):
    """What the ledger says about an invoice or credit note; each check is a yes or no."""

    kind: Kind
    vendor_id: str | None
    vendor_name: str | None
    iban: Iban | None = Field(description="Of the vendor master, the only account that is paid.")
    number: Identifier
    normal_number: str | None
    amount_due: Money
    currency: Currency
    due_date: date | None
    order_number: str | None
    net: Money = Field(description="What it bills of its order, without VAT.")
    quantities: Mapping[str, Quantity] = Field(description="What it bills of each order line.")
    vendor_known: bool
    vendor_active: bool
    bank_details_match: bool
    currency_match: bool
    order_found: bool
    order_open: bool
    within_tolerance: bool
    arithmetic_holds: bool
    is_duplicate: bool
    duplicate_of: str | None
    reasons: tuple[str, ...]
    clear: bool = Field(
        description="All checks hold, but for is_duplicate: the gate answers a duplicate."
    )


def match(invoice: Invoice, session: Session, is_own: IsOwn = everyones) -> Match:
    """Hold an invoice against the ledger as it is now; what is not own is counted, not told."""
    vendor = find_vendor(invoice, session)
    number = normal_number_of(invoice)
    sums_hold = not arithmetic(invoice)
    claim = claim_of(invoice, vendor.id if vendor else None, number)
    kind = claim.kind
    # What is due and follows from nothing is told of once, by arithmetic_holds.
    asked = claim if sums_hold else replace(claim, due=ZERO)
    ordered = find_order(session, invoice.order_number)
    needs_order = kind == "payment" or invoice.order_number is not None
    over = tuple(_over(invoice, ordered, asked, session, is_own))
    duplicate = live_payment(session, kind, vendor, number)
    checks = {
        "vendor_known": vendor is not None,
        "vendor_active": vendor is not None and vendor.status == "active",
        "bank_details_match": vendor is not None and pays_to(invoice, vendor),
        "currency_match": vendor is not None and vendor.currency == invoice.currency,
        "order_found": ordered is not None or not needs_order,
        "order_open": open_for(vendor, ordered) if needs_order else True,
        "within_tolerance": (ordered is not None or not needs_order) and not over,
        "arithmetic_holds": sums_hold,
    }
    payable = invoice.totals.payable
    sound = payable > 0 and number is not None
    unsound = () if sound else ("nothing to pay: the amount or the number is empty",)
    failed = tuple(_WHY[name] for name, holds in checks.items() if not holds)
    return Match(
        kind=kind,
        vendor_id=vendor.id if vendor else None,
        vendor_name=vendor.name if vendor else None,
        iban=vendor.iban if vendor else None,
        number=invoice.number,
        normal_number=number,
        amount_due=payable,
        currency=invoice.currency,
        due_date=invoice.due_date,
        order_number=invoice.order_number,
        net=claim.net,
        quantities=claim.quantities,
        is_duplicate=duplicate is not None,
        duplicate_of=_task_of(duplicate, is_own),
        reasons=(*failed, *over, *unsound, *(("paid already",) if duplicate else ())),
        clear=sound and all(checks.values()),
        **checks,
    )


def _task_of(duplicate: PaymentRow | None, is_own: IsOwn) -> str | None:
    told = duplicate is not None and is_own(duplicate.effect)
    return duplicate.effect.partition("/")[0] if duplicate and told else None


_WHY = {
    "vendor_known": "the seller is not in the vendor master",
    "vendor_active": "the vendor is not active",
    "bank_details_match": "the stated account is not the vendor master's",
    "currency_match": "the currency is not the vendor's",
    "order_found": "there is no such order",
    "order_open": "the order is not an open one of this vendor, in its currency",
    "within_tolerance": "order, receipt and invoice do not match",
    "arithmetic_holds": "the stated totals do not follow from the lines",
}


def find_vendor(invoice: Invoice, session: Session) -> VendorRow | None:
    """Return the vendor by VAT id; by name only where one side has no VAT id to compare."""
    vendors = session.scalars(select(VendorRow)).all()
    vat_id = normal_vat(invoice.seller.vat_id)
    if vat_id is not None:
        known = [v for v in vendors if normal_vat(v.vat_id) == vat_id]
        if known:
            return known[0]
        vendors = [v for v in vendors if v.vat_id is None]
    name = normal_name(invoice.seller.name)
    named = [v for v in vendors if normal_name(v.name) == name]
    return named[0] if len(named) == 1 else None


def normal_vat(text: str | None) -> str | None:
    """Return a VAT id for comparison: letters and digits, upper case; None for an empty one."""
    return "".join(c for c in text.upper() if c.isalnum()) or None if text else None


def pays_to(invoice: Invoice, vendor: VendorRow) -> bool:
    """Return whether the document asks for no other account than the vendor master's."""
    payee = invoice.payee
    if payee.account is None:
        return True
    return payee.iban == vendor.iban and not payee.further_accounts


def live_payment(
    session: Session, kind: Kind, vendor: VendorRow | None, number: str | None
) -> PaymentRow | None:
    """Return the payment or credit of this vendor and normal number that was not cancelled."""
    if vendor is None or number is None:
        return None
    same = select(PaymentRow).where(
        PaymentRow.kind == kind,
        PaymentRow.vendor == vendor.id,
        PaymentRow.normal_number == number,
        PaymentRow.status != "cancelled",
    )
    return session.scalar(same)


def normal_number_of(invoice: Invoice) -> str | None:
    """Return the number as the duplicate rule compares it; None when it has no letter or digit."""
    try:
        return normal_number(invoice.number)
    except ValueError:
        return None


def open_for(vendor: VendorRow | None, ordered: Ordered | None) -> bool:
    """Return whether an order is an open one of this vendor, in the currency it is paid in."""
    if vendor is None or ordered is None:
        return False
    order = ordered.order
    return (order.status, order.vendor, order.currency) == ("open", vendor.id, vendor.currency)


def _over(
    invoice: Invoice, ordered: Ordered | None, claim: Claim, session: Session, is_own: IsOwn
) -> Iterator[str]:
    """Say what nothing explains, what is dearer than ordered, and what is above what was received.

    A credit note is held against what was received and other credit notes: the invoices before it
    are its reason.
    """
    yield from stated_beyond(invoice, ordered)
    yield from above_net(ordered, claim)
    if ordered is None:
        return
    yield from _dearer(invoice, ordered)
    billed = billed_of(session, ordered.order.number, claim, is_own=is_own)
    yield from above_order(ordered, claim, billed)


def _dearer(invoice: Invoice, ordered: Ordered) -> Iterator[str]:
    if all(line.order_line is not None for line in invoice.lines):
        worth = ordered.worth(by_order_line(invoice))
        net = invoice.totals.net
        if net > worth * LIMIT:
            yield f"the net total {net:f} is above what its lines are worth, {worth:.2f}"
    for line in invoice.lines:
        if line.order_line is None:
            continue
        wanted = ordered.lines.get(line.order_line)
        if wanted is None:
            yield f"line {line.id} names an order line that the order does not have"
        elif line.net > wanted.price * line.quantity * LIMIT:
            yield f"line {line.id} is dearer than ordered ({wanted.price:f} a unit)"
