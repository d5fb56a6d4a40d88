"""The write tools that move no money: an invoice is held, or somebody is asked about it."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from packs.payables.checking import OfInvoice
from packs.payables.invoice import Invoice, Part
from packs.payables.ledger import CaseRow
from packs.payables.normal import clean_text
from quartet.packs.labelling import Leaving
from quartet.packs.reference import ByReference
from quartet.packs.tool import Books, Effect, tool

Reason = Annotated[
    str, BeforeValidator(clean_text), StringConstraints(min_length=1, max_length=400)
]
_REASON = "Why, in one or two sentences for a person, naming the checks that do not hold."


class HoldInvoice(Part):
    """Which invoice to hold, and why."""

    invoice: OfInvoice = Field(
        description="The invoice, by reference to the result of read_einvoice: `$val-` and 16 hex "
        "digits. An invoice that could not be read cannot be held; ask about it."
    )
    reason: Reason = Field(description=_REASON)


class AskAboutInvoice(Part):
    """What to ask a person."""

    invoice: Annotated[Invoice | None, ByReference(("read_einvoice",), optional=True)] = Field(
        default=None,
        description="The invoice, by reference to the result of read_einvoice: `$val-` and 16 hex "
        "digits; null when it could not be read.",
    )
    reason: Reason = Field(description=f"The question to ask. {_REASON}")


class Opened(Part):
    """The case that was opened."""

    case: str


def close_case(arguments: HoldInvoice | AskAboutInvoice, result: Opened, books: Books) -> None:
    """Close the case: its task was undone."""
    del arguments
    row = books.session.get_one(CaseRow, result.case)
    row.status, row.closed_at = "closed", books.now


def _says_hold(arguments: HoldInvoice) -> str:
    return f"hold invoice {arguments.invoice.number}: {arguments.reason}"


def _says_ask(arguments: AskAboutInvoice) -> str:
    about = f"invoice {arguments.invoice.number}" if arguments.invoice else "an unread invoice"
    return f"ask about {about}: {arguments.reason}"


_REASON_LEAVES = (Leaving("reason", to="people"),)


@tool(
    "write", Effect(says=_says_hold, compensate=close_case, reversible=True, leaving=_REASON_LEAVES)
)
def hold_invoice(arguments: HoldInvoice, books: Books) -> Opened:
    """Hold an invoice: it is not paid, and a person sees the case with the reason."""
    return _open("hold", arguments.invoice, arguments.reason, books)


@tool(
    "write", Effect(says=_says_ask, compensate=close_case, reversible=True, leaving=_REASON_LEAVES)
)
def ask_about_invoice(arguments: AskAboutInvoice, books: Books) -> Opened:
    """Ask a person about an invoice that cannot be decided from the ledger."""
    return _open("ask", arguments.invoice, arguments.reason, books)


def _open(kind: str, invoice: Invoice | None, reason: str, books: Books) -> Opened:
    books.session.add(
        CaseRow(
            effect=books.effect,
            kind=kind,
            seller=invoice.seller.name if invoice else "",
            number=invoice.number if invoice else "",
            reason=reason,
            status="open",
            opened_at=books.now,
        )
    )
    return Opened(case=books.effect)
