from datetime import date
from decimal import Decimal
from random import Random

import pytest

from packs.payables.cases import Making
from packs.payables.drafting import Draft
from packs.payables.invoice import Invoice
from packs.payables.reading import read
from packs.payables.rendering import as_cii, as_ubl
from packs.payables.sampling import shuffled
from packs.payables.unreadable import UnreadableDocument
from tests.unit.einvoices import CII, official, stated

TOTALS = {
    "lines": "LineTotalAmount",
    "allowances": "AllowanceTotalAmount",
    "charges": "ChargeTotalAmount",
    "net": "TaxBasisTotalAmount",
    "vat": "TaxTotalAmount",
    "gross": "GrandTotalAmount",
    "paid": "TotalPrepaidAmount",
    "rounding": "RoundingAmount",
    "payable": "DuePayableAmount",
}
SUMMATION = "SpecifiedTradeSettlementHeaderMonetarySummation"


@pytest.mark.parametrize("name", CII)
def test_official_cii_examples_read_with_the_totals_their_xml_states(name: str) -> None:
    content = official(name)

    totals = read(content).totals

    for field, element in TOTALS.items():
        assert getattr(totals, field) == stated(content, SUMMATION, element), field


def test_an_official_invoice_reads_field_by_field() -> None:
    invoice = read(official("cii/en16931-example2.xml"))

    assert (invoice.syntax, invoice.kind, invoice.number) == ("cii", "invoice", "TOSL108")
    assert (invoice.issue_date, invoice.due_date) == (date(2013, 6, 30), date(2013, 7, 20))
    assert (invoice.order_number, invoice.currency) == ("123", "NOK")
    assert invoice.payee.iban == "NO9386011117947"
    assert [line.order_line for line in invoice.lines][:1] == ["1"]
    assert sorted((each.charge, each.amount) for each in invoice.adjustments) == [
        (False, Decimal("100.00")),
        (True, Decimal("100.00")),
    ]


@pytest.mark.parametrize(
    ("cii", "ubl"), [(name, name.replace("cii/", "ubl/")) for name in CII if "example3" not in name]
)
def test_the_same_official_invoice_reads_the_same_in_both_syntaxes(cii: str, ubl: str) -> None:
    one, other = read(official(cii)), read(official(ubl))

    assert one.totals == other.totals
    assert one.vat == other.vat
    assert (one.number, one.seller.vat_id, one.issue_date, one.payee.iban) == (
        other.number,
        other.seller.vat_id,
        other.issue_date,
        other.payee.iban,
    )


def test_our_own_drafts_read_the_same_in_both_syntaxes() -> None:
    for draft in drafts():
        one, other = read(as_cii(draft)), read(as_ubl(draft))

        assert without_syntax(one) == without_syntax(other)


def test_a_missing_mandatory_field_is_named() -> None:
    content = as_cii(drafts()[0])
    start = content.index(b"<ram:DuePayableAmount>")
    end = content.index(b"</ram:DuePayableAmount>") + len(b"</ram:DuePayableAmount>")

    with pytest.raises(UnreadableDocument, match=r"BT-115 \(payable\) is missing"):
        read(content[:start] + content[end:])


def drafts() -> list[Draft]:
    making = Making(Random(7))
    making.clean()
    assert shuffled(7).books.company == making.company
    return list(making.drafts.values())


def without_syntax(invoice: Invoice) -> dict[str, object]:
    told = invoice.model_dump(exclude={"syntax"})
    if invoice.kind == "credit-note":
        told.pop("due_date")  # UBL credit notes of ours state none
    return told
