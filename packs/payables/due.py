"""What an invoice or credit note may ask: its amount due, held against what its order explains.

That its totals follow from its lines is en16931's, how invoices count together is billing's. What
is left open by both is here: a document states its rounding, its prepaid amount and its VAT rates
itself, and with them any amount due follows from any lines.
"""

from collections.abc import Iterator
from decimal import Decimal

from packs.payables.billing import LIMIT, ZERO, Billed, Claim, Ordered, beyond
from packs.payables.invoice import Invoice

MOST_ROUNDING = Decimal("1.00")
"""How far BT-114 may round what is payable, either way, in the invoice's currency."""
HIGHEST_VAT = Decimal(27)
"""Percent, the highest rate in the EU (Hungary's): the most where the order names no rate."""


def rate_of(ordered: Ordered | None, line: str | None = None) -> Decimal:
    """Return the most VAT in percent that an order line explains; without one, that any does."""
    lines = ordered.lines if ordered else {}
    named = (lines[line],) if line in lines else tuple(lines.values())
    rates = (HIGHEST_VAT if one.vat_rate is None else one.vat_rate for one in named)
    return max(rates, default=HIGHEST_VAT)


def stated_beyond(invoice: Invoice, ordered: Ordered | None) -> Iterator[str]:
    """Say which of an invoice's own figures could make up an amount due that was never ordered."""
    totals = invoice.totals
    rounding, paid = totals.rounding or ZERO, totals.paid or ZERO
    if abs(rounding) > MOST_ROUNDING:
        yield f"the rounding of {rounding:f} is more than {MOST_ROUNDING:f}"
    if not ZERO <= paid <= max(totals.gross, ZERO):
        yield f"the prepaid amount of {paid:f} is not between 0 and the gross total"
    for line in invoice.lines:
        rate, most = line.vat_rate or ZERO, rate_of(ordered, line.order_line)
        if not ZERO <= rate <= most:
            yield f"line {line.id} asks for {rate:f} % VAT, the most is {most:f} %"
    most = rate_of(ordered)
    for stated in (*(row.rate for row in invoice.vat), *(a.vat_rate for a in invoice.adjustments)):
        if not ZERO <= (stated or ZERO) <= most:
            yield f"{stated:f} % VAT is asked for, the most is {most:f} %"


def above_net(ordered: Ordered | None, claim: Claim) -> Iterator[str]:
    """Say when an amount due is more than its net total with the most VAT there may be."""
    most = _with_vat(claim.net, ordered)
    if claim.due > most:
        yield f"the amount due, {claim.due:f}, is above its net total with VAT, {most:.2f}"


def above_order(ordered: Ordered, claim: Claim, billed: Billed) -> Iterator[str]:
    """Say what is above what was received: by quantities and net totals, or else by amounts due."""
    over = tuple(beyond(ordered, claim, billed))
    yield from over
    most = _with_vat(ordered.worth(ordered.received) * LIMIT, ordered)
    if not over and claim.due + billed.due > most:
        before = f", and {billed.due:.2f} before it," if billed.due else ""
        yield f"the amount due, {claim.due:f}{before} is above what the order gives, {most:.2f}"


def _with_vat(net: Decimal, ordered: Ordered | None) -> Decimal:
    return net * (1 + rate_of(ordered) / 100) + MOST_ROUNDING
