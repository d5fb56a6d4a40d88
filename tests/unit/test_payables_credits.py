"""Credit notes on one order count together, and net off no more than was paid of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from packs.payables.matching import Match
from quartet.contracts.base import Fields, Json
from tests.unit.toolbox_desk import (
    Desk,
    credit_note,
    invoice,
    master,
    opened,
    order,
    propose,
    result,
    task,
    vendor,
)


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A toolbox with two orders of one account; of the first 20 units at 100.00 were received."""
    with opened(ledger_url, tmp_path, vendor(), vendor("V-2")) as desk:
        desk.operate("load_books", master(received="20"))
        yield desk
        assert desk.problems() == ()


def matched(desk: Desk, number: int, units: str) -> Match:
    reference = desk.matched(task(number), credit_note(f"G-{number}", units))
    return Match.model_validate(desk.value(task(number), reference.removeprefix("$")).content)


def open_amounts(desk: Desk) -> dict[Json, Json]:
    listed = desk.operate("list_payments")["payments"]
    assert isinstance(listed, list)
    return {p["number"]: p["open"] for p in listed if isinstance(p, dict)}


def close(desk: Desk) -> Fields:
    return desk.operate("close_payment_run")


def test_credit_notes_of_an_order_count_together_and_say_so(desk: Desk) -> None:
    desk.pay(task(1), credit_note("G-1", "12"))
    desk.pay(task(2), credit_note("G-2", "8"))

    found = matched(desk, 3, "1")

    assert not found.clear
    assert found.reasons[-1] == (
        "1 of order line 10 are credited, 20 were received, "
        "20 are credited already by G-1 and 1 more"
    )


def test_a_cancelled_credit_makes_room_again_and_payments_take_none(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1", "20"))
    desk.pay(task(2), credit_note("G-2", "20"))
    desk.undo(task(2))

    assert matched(desk, 3, "20").clear


def test_a_credit_matched_before_another_one_of_its_order_is_out_of_date(desk: Desk) -> None:
    early, late = (desk.matched(task(n), credit_note(f"G-{n}", "15")) for n in (1, 2))
    desk.commit(order(task(1), result(propose("schedule_credit", match=early))))

    problem = desk.refused(order(task(2), result(propose("schedule_credit", match=late))), 422)

    assert (problem["title"], problem["advice"]) == ("MatchOutOfDate", "retry-changed")
    assert "15 are credited already by G-1" in str(problem["detail"])


def test_a_credit_on_an_order_that_was_never_billed_takes_nothing_from_a_payment(
    desk: Desk,
) -> None:
    books = master(vendor())
    assert isinstance(books["orders"], list)
    assert isinstance(books["orders"][0], dict)
    other = {**books["orders"][0], "number": "PO-OTHER"}
    receipt: Json = {
        "number": "GR-OTHER",
        "order": "PO-OTHER",
        "lines": [{"line": "10", "quantity": "20"}],
    }
    desk.operate("load_books", books | {"orders": [other], "receipts": [receipt]})
    desk.pay(task(1), credit_note("G-1", "15").model_copy(update={"order_number": "PO-OTHER"}))
    desk.pay(task(2), invoice("R-1", "15"))

    closed = close(desk)

    assert closed["totals"] == {"EUR": "1500.00"}
    assert open_amounts(desk) == {"G-1": "1500.00", "R-1": "0.00"}


def test_credits_of_an_order_net_off_no_more_than_is_paid_of_it_and_the_rest_waits(
    desk: Desk,
) -> None:
    desk.pay(task(1), invoice("R-1", "3"))
    desk.pay(task(2), credit_note("G-1", "2"))
    desk.pay(task(3), credit_note("G-2", "2"))
    desk.pay(task(4), invoice("R-2", "15"))
    desk.undo(task(4))

    close(desk)

    assert open_amounts(desk) == {"G-1": "0.00", "G-2": "100.00", "R-1": "0.00", "R-2": "0.00"}


def test_a_credit_for_an_invoice_that_an_earlier_run_paid_nets_off_with_a_later_one(
    desk: Desk,
) -> None:
    desk.pay(task(1), invoice("R-1", "5"))
    close(desk)
    desk.pay(task(2), credit_note("G-1", "5"))
    desk.pay(task(3), invoice("R-2", "6"))

    closed = close(desk)

    assert closed["totals"] == {"EUR": "100.00"}
    assert open_amounts(desk)["G-1"] == "0.00"


def test_many_small_credits_of_one_vendor_wait_for_a_person_like_a_large_one(desk: Desk) -> None:
    desk.operate("load_books", master(received="1000"))
    credits = [desk.pay(task(n), credit_note(f"G-{n}", "90")) for n in (1, 2, 3)]
    payment = desk.pay(task(4), invoice("R-1", "90"))

    assert [one.status for one in credits] == ["applied", "applied", "held"]
    assert credits[2].policies == ("payables.payee-day", "payables.credit")
    assert payment.status == "applied"
