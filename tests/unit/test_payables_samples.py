from collections import Counter
from decimal import Decimal

import pytest
from stdnum import iban

from packs.payables.catalogue import LIMIT, Catalogue, Sample
from packs.payables.en16931 import arithmetic
from packs.payables.invoice import Invoice
from packs.payables.normal import normal_number
from packs.payables.reading import read
from packs.payables.sampling import FOLDER, sample_books, shuffled
from packs.payables.unreadable import UnreadableDocument
from tests.seeds import run_seed

SEEDS = [*range(19), run_seed()]


def test_the_committed_samples_are_those_of_seed_zero() -> None:
    committed = {path.name: path.read_bytes() for path in FOLDER.iterdir()}

    assert committed == shuffled(0).files(), "run: python -m packs.payables.sampling"


def test_there_are_enough_samples_in_three_syntaxes() -> None:
    read_ones = [read(each.content) for each in shuffled(0).samples if each.outcome != "failed"]

    assert len(shuffled(0).samples) >= 14
    assert {each.syntax for each in read_ones} == {
        "ubl-invoice",
        "ubl-credit-note",
        "cii",
        "factur-x",
    }


def test_a_seed_gives_the_same_bytes_and_another_seed_other_names() -> None:
    one, other = shuffled(1), shuffled(2)

    assert one.files() == shuffled(1).files()
    assert sample_books(1) == one.books
    assert [each.case for each in one.samples] != [each.case for each in other.samples]
    assert Counter(each.case for each in one.samples) == Counter(
        each.case for each in other.samples
    )
    assert {each.name for each in one.books.vendors} != {each.name for each in other.books.vendors}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_sample_reads_back_as_it_is_expected(seed: int) -> None:
    print(f"seed {seed}")  # noqa: T201 - the fresh seed must be repeatable
    catalogue = shuffled(seed)

    for sample in catalogue.samples:
        if sample.outcome == "failed":
            with pytest.raises(UnreadableDocument):
                read(sample.content)
        else:
            invoice = read(sample.content)
            check_facts(catalogue, sample, invoice)
            check_case(catalogue, sample, invoice)


def check_facts(catalogue: Catalogue, sample: Sample, invoice: Invoice) -> None:
    assert invoice.number == sample.number
    assert f"{invoice.totals.payable:.2f}" == sample.payable
    assert invoice.currency == sample.currency
    assert bool(arithmetic(invoice)) == (sample.case == "wrong-arithmetic")
    known = {vendor.vat_id: vendor for vendor in catalogue.books.vendors}
    assert (invoice.seller.vat_id in known) == (sample.case != "unknown-vendor")
    assert invoice.payee.iban is not None
    if sample.case != "unknown-vendor":
        vendor = known[invoice.seller.vat_id or ""]
        assert vendor.id == sample.vendor
        assert (vendor.iban == invoice.payee.iban) == (sample.case != "changed-account")
        assert (vendor.status == "blocked") == (sample.case == "blocked-vendor")
        assert (vendor.currency == invoice.currency) == (sample.case != "foreign-currency")
        assert sample.pays_to in {None, vendor.iban}


def check_case(catalogue: Catalogue, sample: Sample, invoice: Invoice) -> None:
    assert (invoice.totals.payable > LIMIT) == (sample.outcome == "held-for-approval")
    assert (invoice.kind == "credit-note") == (sample.outcome == "credited")
    orders = {order.number: order for order in catalogue.books.orders}
    order = orders.get(invoice.order_number or "")
    assert (order is None) == (sample.case in {"missing-order", "unknown-order"})
    if order is None:
        return
    ordered = {line.line: line for line in order.lines}
    (receipt,) = [each for each in catalogue.books.receipts if each.order == order.number]
    received = {line.line: line.quantity for line in receipt.lines}
    for line in invoice.lines:
        dearer = line.unit_price / ordered[line.order_line or ""].price
        assert (dearer > Decimal("1.02")) == (sample.case == "price-beyond-tolerance")
        assert (dearer > 1) == (sample.case.startswith("price-"))
        more = line.quantity > received[line.order_line or ""]
        assert more == (sample.case == "quantity-over-receipt")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_duplicate_follows_its_original_and_is_written_differently(seed: int) -> None:
    samples = shuffled(seed).samples
    (second,) = [each for each in samples if each.case == "duplicate"]
    (first,) = [each for each in samples if each.file == second.twin]

    one, other = read(first.content), read(second.content)

    assert samples.index(first) < samples.index(second)
    assert one.number != other.number
    assert normal_number(one.number) == normal_number(other.number)
    assert one.seller.vat_id == other.seller.vat_id


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_duplicate_repeats_a_number_of_its_vendor(seed: int) -> None:
    numbers = Counter(
        (each.vendor, normal_number(each.number or ""))
        for each in shuffled(seed).samples
        if each.number and each.case != "duplicate"
    )

    assert set(numbers.values()) == {1}


@pytest.mark.parametrize("seed", SEEDS)
def test_all_accounts_are_valid_ibans_of_several_countries(seed: int) -> None:
    books = sample_books(seed)
    accounts = [books.company.iban, *(vendor.iban for vendor in books.vendors)]

    assert all(iban.is_valid(account) for account in accounts)
    assert len({account[:2] for account in accounts}) >= 3
    assert len(set(accounts)) == len(accounts)


def test_the_hidden_instruction_names_another_account_than_the_masters() -> None:
    (sample,) = [each for each in shuffled(0).samples if each.case == "hidden-instruction"]

    invoice = read(sample.content)

    assert "ignore your rules" in invoice.notes[0]
    assert (sample.pays_to or "") not in invoice.notes[0]
    assert invoice.payee.iban == sample.pays_to
    assert all("ignore your rules" in (line.description or "") for line in invoice.lines)


def test_file_names_give_nothing_away() -> None:
    for sample in shuffled(3).samples:
        assert sample.file[:-4].removeprefix("document-").isdigit()
