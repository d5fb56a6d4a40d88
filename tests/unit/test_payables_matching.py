"""Matching: each check by itself, and the samples' books against the samples' documents."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from packs.payables.books import MasterData, load_books
from packs.payables.catalogue import Sample
from packs.payables.invoice import Adjustment, Invoice, Payee, Totals
from packs.payables.ledger import PaymentRow
from packs.payables.master import plain
from packs.payables.matching import Match, match
from packs.payables.reading import read
from packs.payables.sampling import shuffled
from quartet.contracts.base import Fields
from quartet.packs.load import load
from services.toolbox.ledger import Books, Ledger, open_ledger
from tests.unit.toolbox_desk import OTHER_IBAN, credit_note, invoice, master, vendor

CHECKS = (
    "vendor_known",
    "vendor_active",
    "bank_details_match",
    "currency_match",
    "order_found",
    "order_open",
    "within_tolerance",
    "arithmetic_holds",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'l.db'}", tmp_path, load("payables"))
    yield ledger
    ledger.close()


@pytest.fixture
def session(ledger: Ledger) -> Iterator[Session]:
    with ledger.write() as entry:
        load_books(MasterData.model_validate(master()), Books(entry))
        yield entry.session


def failing(found: Match) -> set[str]:
    return {name for name in CHECKS if not getattr(found, name)}


def test_an_invoice_that_fits_is_clear(session: Session) -> None:
    found = match(invoice("Re 0042", units="3"), session)

    assert (found.clear, failing(found), found.reasons) == (True, set(), ())
    assert (found.vendor_id, found.normal_number) == ("V-1", "RE42")
    assert (found.amount_due, found.currency) == (Decimal("300.00"), "EUR")
    assert found.iban == vendor()["iban"]


def test_a_seller_that_is_not_in_the_master_is_unknown(session: Session) -> None:
    found = match(invoice(of=vendor("V-9")), session)

    assert not found.vendor_known
    assert (found.vendor_id, found.iban, found.clear) == (None, None, False)


def test_a_seller_without_a_vat_id_is_found_by_name(session: Session) -> None:
    seller = {"name": "VENDOR  v/1", "vat_id": None}

    assert match(invoice(seller=seller), session).vendor_known


def test_a_known_name_with_another_vat_id_is_not_that_vendor(session: Session) -> None:
    seller = {"name": "Vendor V-1", "vat_id": "DE999999999"}

    assert not match(invoice(seller=seller), session).vendor_known


def test_a_vat_id_is_compared_without_spaces_and_case(session: Session) -> None:
    vat_id = str(vendor()["vat_id"])
    seller = {"name": "Another name", "vat_id": f"{vat_id[:4].lower()} {vat_id[4:]}"}

    assert match(invoice(seller=seller), session).vendor_known


def test_a_changed_account_is_seen(session: Session) -> None:
    for payee in (
        Payee(account=OTHER_IBAN, iban=OTHER_IBAN),
        Payee(account="12345 at another bank"),
        Payee(account=str(vendor()["iban"]), iban=str(vendor()["iban"]), further_accounts=("1",)),
    ):
        found = match(invoice(payee=payee), session)

        assert failing(found) == {"bank_details_match"}
        assert found.iban == vendor()["iban"]


def test_an_invoice_that_names_no_account_changes_none(session: Session) -> None:
    assert match(invoice(payee=Payee()), session).clear


def test_another_currency_than_the_vendors_is_seen(session: Session) -> None:
    assert failing(match(invoice(currency="USD"), session)) == {"currency_match"}


def test_a_blocked_vendor_is_not_active(ledger: Ledger) -> None:
    with ledger.write() as entry:
        blocked = MasterData.model_validate(master(vendor(status="blocked")))
        load_books(blocked, Books(entry))

        assert failing(match(invoice(), entry.session)) == {"vendor_active"}


@pytest.mark.parametrize("number", [None, "PO-9"])
def test_without_an_order_there_is_nothing_to_match(session: Session, number: str | None) -> None:
    found = match(invoice(order_number=number), session)

    assert failing(found) == {"order_found", "order_open", "within_tolerance"}


def test_another_vendors_order_is_not_open_for_this_one(ledger: Ledger) -> None:
    with ledger.write() as entry:
        other = vendor("V-2")
        load_books(MasterData.model_validate(master(vendor(), other)), Books(entry))

        found = match(invoice(order_number="PO-V-2"), entry.session)

        assert failing(found) == {"order_open"}


@pytest.mark.parametrize(
    ("price", "within"), [("90.00", True), ("102.00", True), ("102.01", False), ("115.00", False)]
)
def test_a_price_may_be_two_percent_above_the_order(
    session: Session,
    price: str,
    within: bool,  # noqa: FBT001 - a table of cases
) -> None:
    assert match(invoice(price=price), session).within_tolerance is within


@pytest.mark.parametrize(("units", "within"), [("1000", True), ("1000.001", False)])
def test_not_more_is_billed_than_was_received(
    session: Session,
    units: str,
    within: bool,  # noqa: FBT001 - a table of cases
) -> None:
    assert match(invoice(units=units), session).within_tolerance is within


def test_two_lines_of_one_order_line_count_together(session: Session) -> None:
    line = invoice(units="600").lines[0]
    net = Decimal("120000.00")
    both = invoice(
        lines=(line, line.model_copy(update={"id": "2"})),
        totals=Totals(lines=net, net=net, gross=net, payable=net),
    )

    assert not match(both, session).within_tolerance


def test_an_order_line_that_does_not_exist_does_not_match(session: Session) -> None:
    line = invoice().lines[0].model_copy(update={"order_line": "77"})

    found = match(invoice(lines=(line,)), session)

    assert any("does not have" in reason for reason in found.reasons)


@pytest.mark.parametrize(("units", "within"), [("1020", True), ("1021", False)])
def test_without_line_references_the_total_is_held_against_what_was_received(
    session: Session,
    units: str,
    within: bool,  # noqa: FBT001 - a table of cases
) -> None:
    line = invoice(units=units).lines[0].model_copy(update={"order_line": None})

    assert match(invoice(units=units, lines=(line,)), session).within_tolerance is within


def test_a_charge_on_the_whole_document_cannot_hide_above_the_order(session: Session) -> None:
    net = Decimal("150.00")
    charge = Adjustment(charge=True, amount=Decimal("50.00"), vat_category="Z")
    totals = Totals(lines=Decimal(100), charges=Decimal(50), net=net, gross=net, payable=net)

    found = match(invoice(adjustments=(charge,), totals=totals), session)

    assert not found.within_tolerance


def test_wrong_arithmetic_is_seen(session: Session) -> None:
    wrong = Totals(
        lines=Decimal(100), net=Decimal(100), gross=Decimal(100), payable=Decimal("190.00")
    )

    assert failing(match(invoice(totals=wrong), session)) == {"arithmetic_holds"}


def test_nothing_is_due_on_an_invoice_paid_already(session: Session) -> None:
    paid = Totals(
        lines=Decimal(100), net=Decimal(100), gross=Decimal(100), paid=Decimal(100),
        payable=Decimal(0),
    )  # fmt: skip

    found = match(invoice(totals=paid), session)

    assert (failing(found), found.clear) == (set(), False)


def test_a_number_without_letter_or_digit_is_not_paid(session: Session) -> None:
    assert not match(invoice("---"), session).clear


def test_a_live_payment_with_the_same_normal_number_is_a_duplicate(session: Session) -> None:
    session.add(payment("scheduled"))
    session.flush()

    found = match(invoice("r-0001"), session)

    assert (found.is_duplicate, found.duplicate_of) == (True, "t-1")
    assert found.clear
    assert not match(credit_note("r-0001"), session).is_duplicate


def test_a_cancelled_payment_is_no_duplicate(session: Session) -> None:
    session.add(payment("cancelled"))
    session.flush()

    assert not match(invoice("R-1"), session).is_duplicate


def payment(status: str) -> PaymentRow:
    return PaymentRow(
        effect="t-1/1",
        kind="payment",
        vendor="V-1",
        number="R 1",
        normal_number="R1",
        net=Decimal(1),
        amount=Decimal(1),
        used=Decimal(0),
        currency="EUR",
        iban=str(vendor()["iban"]),
        status=status,
        scheduled_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_a_credit_note_needs_no_order(session: Session) -> None:
    found = match(credit_note().model_copy(update={"order_number": None}), session)

    assert (found.kind, found.clear) == ("credit", True)


FAULTS = {
    "clean-ubl": set(),
    "clean-cii": set(),
    "clean-pdf": set(),
    "duplicate": set(),
    "credit-note": set(),
    "over-limit": set(),
    "hidden-instruction": set(),
    "price-within-tolerance": set(),
    "wrong-arithmetic": {"arithmetic_holds"},
    "unknown-vendor": {"vendor_known", "vendor_active", "bank_details_match", "currency_match",
                       "order_open"},
    "changed-account": {"bank_details_match"},
    "blocked-vendor": {"vendor_active"},
    "quantity-over-receipt": {"within_tolerance"},
    "price-beyond-tolerance": {"within_tolerance"},
    "foreign-currency": {"currency_match"},
    "missing-order": {"order_found", "order_open", "within_tolerance"},
    "unknown-order": {"order_found", "order_open", "within_tolerance"},
}  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_every_sample_fails_the_checks_of_its_case_and_no_other(ledger: Ledger, seed: int) -> None:
    catalogue = shuffled(seed)
    readable = [s for s in catalogue.samples if s.outcome != "failed"]
    books: Fields = plain(catalogue.books)
    with ledger.write() as entry:
        load_books(MasterData.model_validate(books), Books(entry))

        found = {s.case: match(document(s), entry.session) for s in readable}

    assert {case: failing(m) for case, m in found.items()} == FAULTS
    for sample in readable:
        one = found[sample.case]
        assert (one.vendor_id, f"{one.amount_due}") == (sample.vendor, sample.payable)
        assert sample.pays_to in (None, one.iban)


def document(sample: Sample) -> Invoice:
    return read(sample.content)
