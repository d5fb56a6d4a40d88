"""The trusted read tools: arithmetic and account of an invoice, and its match to the ledger."""

from typing import Annotated

from pydantic import Field

from packs.payables.en16931 import Finding, arithmetic
from packs.payables.invoice import Invoice, Part
from packs.payables.matching import Match, match
from quartet.packs.labelling import Origins
from quartet.packs.reference import ByReference
from quartet.packs.tool import Books, tool

OfInvoice = Annotated[Invoice, ByReference(("read_einvoice",))]
_INVOICE = (
    "The invoice, by reference to the result of read_einvoice: `$val-` and 16 hex digits. "
    "It is never written out."
)


class AboutInvoice(Part):
    """Which invoice."""

    invoice: OfInvoice = Field(description=_INVOICE)


class Checked(Part):
    """What an invoice's own figures say about it."""

    arithmetic_holds: bool
    iban_valid: bool
    """False for a stated account that is no IBAN with right check digits."""
    findings: tuple[Finding, ...]


@tool("read", origins=Origins(readers={"": "agents"}))
def check_invoice(arguments: AboutInvoice, books: Books) -> Checked:
    """Check an invoice's arithmetic (EN 16931) and the check digits of its stated IBAN."""
    del books
    invoice = arguments.invoice
    findings = arithmetic(invoice)
    return Checked(
        arithmetic_holds=not findings,
        iban_valid=invoice.payee.account is None or invoice.payee.iban is not None,
        findings=findings[:50],
    )


_OF_THE_LEDGER = (
    *("vendor_id", "vendor_name", "iban", "vendor_known", "vendor_active", "bank_details_match"),
    *("currency_match", "order_found", "order_open", "within_tolerance", "arithmetic_holds"),
    *("is_duplicate", "duplicate_of", "clear"),
)
"""What match_invoice takes from the ledger or holds against it; the rest is the document's."""


@tool("read", origins=Origins(confirmed=_OF_THE_LEDGER, readers={"": "agents"}))
def match_invoice(arguments: AboutInvoice, books: Books) -> Match:
    """Match an invoice to vendor master, order and receipt, and look for an earlier payment.

    What other invoices have billed of the order is taken off what was received. Each check is a
    yes or no; `reasons` says in words what does not hold. The amount, number and account of the
    result are what schedule_payment and schedule_credit act on, by reference.
    """
    return match(arguments.invoice, books.session, books.is_own)
