"""Which payments a run leaves out: those that the vendor master does not bear out any more.

What is scheduled was right when it was; until the cut-off a vendor may be blocked, or its account
be changed, and then nobody but a person knows which of the two is wrong.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from packs.payables.invoice import Part
from packs.payables.ledger import PaymentRow, VendorRow
from quartet.packs.locking import locked


class LeftOut(Part):
    """A payment that is not in the run, stays scheduled, and is a case for people."""

    effect: str
    vendor: str
    number: str
    amount: str
    currency: str
    why: str


def leave_out(session: Session, scheduled: Sequence[PaymentRow]) -> Iterator[LeftOut]:
    """Return the payments that the vendor master does not bear out now; it is locked meanwhile."""
    payments = [row for row in scheduled if row.kind == "payment"]
    keys = sorted({row.vendor for row in payments})
    vendors = {key: locked(session, VendorRow, key, shared=True) for key in keys}
    for row in payments:
        vendor = vendors[row.vendor]
        if vendor is None or vendor.status != "active":
            why = "the vendor is not active"
        elif vendor.iban != row.iban:
            why = "the vendor has another account than when it was scheduled"
        else:
            continue
        yield LeftOut(
            effect=row.effect,
            vendor=row.vendor,
            number=row.number,
            amount=f"{row.amount:.2f}",
            currency=row.currency,
            why=why,
        )


def says(one: LeftOut) -> str:
    """Return it in words for people."""
    return (
        f"not paid: {one.amount} {one.currency} to {one.vendor} for invoice {one.number} was left "
        f"out of the payment run: {one.why}. A later run pays it once the vendor is active and has "
        "that account"
    )
