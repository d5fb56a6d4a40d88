"""The payment run: what nets off, what is carried over, and the file, valid by its own schema."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files as files_of
from pathlib import Path

import pytest
from lxml import etree

from packs.payables.ledger import PaymentRow, RunItemRow, RunRow, TransferRow
from packs.payables.pain001 import NAMESPACE, bank_text, render
from quartet.contracts.base import Fields, Json
from tests.unit.toolbox_desk import (
    OTHER_IBAN,
    Desk,
    credit_note,
    invoice,
    master,
    opened,
    starting,
    task,
    vendor,
)

NS = {"p": NAMESPACE}


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path, vendor(), vendor("V-2")) as desk:
        yield desk
        assert desk.problems() == ()


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    path = files_of("sepaxml") / "schemas" / "pain.001.001.09.xsd"
    return etree.XMLSchema(etree.fromstring(path.read_bytes()))


def close(desk: Desk) -> Fields:
    return desk.operate("close_payment_run")


def tree(desk: Desk, closed: Fields) -> ET.Element:
    return ET.fromstring((desk.files / str(closed["file"])).read_bytes())


def texts(root: ET.Element, path: str) -> list[str | None]:
    return [found.text for found in root.findall(path, NS)]


def open_amounts(desk: Desk) -> dict[Json, Json]:
    listed = desk.operate("list_payments")["payments"]
    assert isinstance(listed, list)
    return {p["number"]: p["open"] for p in listed if isinstance(p, dict)}


def test_a_run_pays_each_vendor_once_with_all_its_invoices(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1", "2"))
    desk.pay(task(2), invoice("R-2", "3"))
    desk.pay(task(3), invoice("R-1", "4", of=vendor("V-2")))

    closed = close(desk)

    root = tree(desk, closed)
    assert (closed["transfers"], closed["totals"]) == (2, {"EUR": "900.00"})
    assert texts(root, ".//p:InstdAmt") == ["500.00", "400.00"]
    assert texts(root, ".//p:RfrdDocInf/p:Nb") == ["R-1", "R-2", "R-1"]
    assert texts(root, ".//p:GrpHdr/p:MsgId") == [closed["run"]]
    assert texts(root, ".//p:GrpHdr/p:CtrlSum") == ["900.00"]


def test_nothing_scheduled_closes_nothing(desk: Desk) -> None:
    nothing: Fields = {"run": None, "transfers": 0, "totals": {}, "file": None, "left_out": []}

    assert close(desk) == nothing
    assert not desk.files.exists()


def test_a_closed_run_is_not_paid_again(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    first = close(desk)

    assert close(desk)["run"] is None
    desk.pay(task(2), invoice("R-2"))
    second = close(desk)

    assert first["run"] != second["run"]
    assert texts(tree(desk, second), ".//p:RfrdDocInf/p:Nb") == ["R-2"]


def test_nothing_is_closed_beside_the_file_of_a_run_that_the_ledger_does_not_know(
    desk: Desk,
) -> None:
    desk.pay(task(1), invoice())
    desk.files.mkdir()
    of_lost_run = desk.files / "RUN-20261126-000001.xml"
    of_lost_run.write_text("paid before the ledger was put back")

    refused = desk.post("/callers/console/operations/close_payment_run", {}, 400)

    assert "RUN-20261126-000001" in str(refused["detail"])
    assert open_amounts(desk) == {"R-1": "100.00"}
    of_lost_run.unlink()
    assert close(desk)["transfers"] == 1


def test_a_credit_reduces_what_is_paid_and_is_told_to_the_vendor(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1", "5"))
    desk.pay(task(2), credit_note("G-1", "2"))

    root = tree(desk, close(desk))

    assert texts(root, ".//p:InstdAmt") == ["300.00"]
    assert texts(root, ".//p:RfrdDocInf//p:Cd") == ["CINV", "CREN"]
    assert texts(root, ".//p:RmtdAmt") == ["500.00"]
    assert texts(root, ".//p:CdtNoteAmt") == ["200.00"]


def test_what_a_credit_has_left_goes_into_the_next_runs_oldest_first(desk: Desk) -> None:
    desk.pay(task(1), credit_note("G-1", "3"))
    desk.pay(task(2), credit_note("G-2", "4"))
    desk.pay(task(3), invoice("R-1", "5"))

    first = close(desk)
    left = open_amounts(desk)
    desk.pay(task(4), invoice("R-2", "6"))
    second = close(desk)

    assert (first["transfers"], first["file"]) == (0, None)
    assert left == {"G-1": "0.00", "G-2": "200.00", "R-1": "0.00"}
    assert texts(tree(desk, second), ".//p:InstdAmt") == ["400.00"]
    assert texts(tree(desk, second), ".//p:CdtNoteAmt") == ["200.00"]


def test_a_credit_without_a_payment_waits(desk: Desk) -> None:
    desk.pay(task(1), credit_note("G-1", "3"))
    desk.pay(task(2), invoice("R-1", of=vendor("V-2")))

    close(desk)

    assert open_amounts(desk)["G-1"] == "300.00"


def test_a_cancelled_payment_is_in_no_run(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1"))
    desk.pay(task(2), invoice("R-2"))
    desk.undo(task(1))

    assert texts(tree(desk, close(desk)), ".//p:RfrdDocInf/p:Nb") == ["R-2"]


def test_the_file_is_valid_by_the_schema_of_its_message(
    desk: Desk, schema: etree.XMLSchema
) -> None:
    long = "RE-" + "7" * 60
    desk.pay(task(1), invoice(long, "2"))
    desk.pay(task(2), credit_note("Gutschrift Nº 5 § ß", "1"))

    closed = close(desk)

    schema.assertValid(etree.fromstring((desk.files / str(closed["file"])).read_bytes()))
    root = tree(desk, closed)
    assert texts(root, ".//p:Dbtr/p:Nm") == ["Kaufer . Sohne GmbH"]
    assert texts(root, ".//p:RfrdDocInf/p:Nb") == [long[:35], "Gutschrift No 5 . ss"]


def test_each_currency_has_its_block_and_its_own_sums(schema: etree.XMLSchema) -> None:
    transfers = tuple(transfer(n, *what) for n, what in enumerate(
        [("EUR", "1.10", "DDABATSVXXX"), ("USD", "2.00", None), ("EUR", "0.90", None)], start=1
    ))  # fmt: skip

    content = render(RUN, transfers)

    assert content is not None
    schema.assertValid(etree.fromstring(content))
    root = ET.fromstring(content)
    assert texts(root, ".//p:PmtInf/p:CtrlSum") == ["2.00", "2.00"]
    assert texts(root, ".//p:PmtInf/p:ChrgBr") == ["SLEV", "SHAR"]
    assert texts(root, ".//p:PmtInf/p:DbtrAgt//p:Id") == ["NOTPROVIDED", "NOTPROVIDED"]
    assert render(RUN, transfers) == content


RUN = RunRow(
    id=1,
    message="RUN-20261121-000001",
    closed_at=datetime(2026, 11, 21, 16, tzinfo=UTC),
    debtor="Somebody",
    iban="AT727823889904654970",
    bic=None,
)


def transfer(position: int, currency: str, amount: str, bic: str | None) -> TransferRow:
    paid = PaymentRow(kind="payment", number=f"R-{position}")
    return TransferRow(
        run=1,
        position=position,
        vendor="V-1",
        name="Vendor",
        iban=OTHER_IBAN,
        bic=bic,
        currency=currency,
        amount=Decimal(amount),
        items=[RunItemRow(item=1, effect="t/1", amount=Decimal(amount), payment=paid)],
    )


def test_the_file_of_a_closed_run_that_is_missing_is_written_again_the_same(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1"))
    closed = close(desk)
    path = desk.files / str(closed["file"])
    before = path.read_bytes()
    path.unlink()
    desk.operate("load_books", master(vendor(name="A new name")))

    rendered = desk.operate("render_payment_files")

    assert rendered["files"] == [path.name]
    assert path.read_bytes() == before
    assert desk.operate("render_payment_files")["files"] == []


def test_the_toolbox_writes_missing_files_when_it_starts(ledger_url: str, tmp_path: Path) -> None:
    with opened(ledger_url, tmp_path) as desk:
        desk.pay(task(1), invoice("R-1"))
        path = desk.files / str(close(desk)["file"])
    path.unlink()

    with starting(ledger_url, tmp_path):
        assert path.is_file()


def test_the_job_closes_a_run(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1"))

    closed = desk.post("/job/payment-run-cut-off", {})

    assert closed["transfers"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [("Müller & Söhne", "Muller . Sohne"), ("Straße", "Strasse"), ("Łódź", "Lodz"), ("<>", "..")],
)
def test_texts_for_the_bank_keep_to_its_characters(text: str, told: str) -> None:
    assert bank_text(text, 70) == told
