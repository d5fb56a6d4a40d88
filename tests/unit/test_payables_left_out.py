"""A run pays no vendor that is blocked now, and no account that is not the master's now."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quartet.contracts.base import Fields, Json
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import (
    OTHER_IBAN,
    Desk,
    credit_note,
    invoice,
    master,
    opened,
    task,
    vendor,
)

BLOCKED = vendor(status="blocked")
MOVED = vendor(iban=OTHER_IBAN, bic="MRSZNLJHXXX")


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A toolbox with a payment of 100.00 to V-1 and one of 200.00 to V-2, both scheduled."""
    with opened(ledger_url, tmp_path, vendor(), vendor("V-2")) as desk:
        desk.pay(task(1), invoice("R-1"))
        desk.pay(task(2), invoice("R-2", "2", of=vendor("V-2")))
        yield desk
        assert desk.problems() == ()


def close(desk: Desk) -> Fields:
    return desk.operate("close_payment_run")


def cases(desk: Desk) -> list[Json]:
    found = desk.operate("list_cases")["cases"]
    assert isinstance(found, list)
    return found


def closings(desk: Desk) -> list[str]:
    """The audit records of closed runs, oldest first."""
    with desk.ledger.read() as entry:
        kind = "operation-close_payment_run"
        rows = entry.session.query(AuditRow).filter_by(kind=kind).order_by(AuditRow.sequence)
        return [row.record.decode() for row in rows]


def statuses(desk: Desk) -> dict[Json, Json]:
    listed = desk.operate("list_payments")["payments"]
    assert isinstance(listed, list)
    return {p["number"]: p["status"] for p in listed if isinstance(p, dict)}


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (BLOCKED, "the vendor is not active"),
        (MOVED, "the vendor has another account than when it was scheduled"),
    ],
)
def test_a_payment_that_the_master_does_not_bear_out_now_is_left_out_and_listed_for_people(
    desk: Desk, now: Fields, why: str
) -> None:
    desk.operate("load_books", master(now))

    closed = close(desk)

    assert (closed["transfers"], closed["totals"]) == (1, {"EUR": "200.00"})
    assert closed["left_out"] == [
        {
            "effect": f"{task(1)}/1",
            "vendor": "V-1",
            "number": "R-1",
            "amount": "100.00",
            "currency": "EUR",
            "why": why,
        }
    ]
    assert statuses(desk) == {"R-1": "scheduled", "R-2": "settled"}
    (case,) = cases(desk)
    assert isinstance(case, dict)
    assert (case["task"], case["kind"]) == (task(1), "left-out")
    assert (
        f"not paid: 100.00 EUR to V-1 for invoice R-1 was left out of the payment run: {why}"
        in (str(case["says"]))
    )


@pytest.mark.parametrize("wrong", [BLOCKED, MOVED])
def test_what_was_left_out_goes_into_a_later_run_once_the_master_is_right_again(
    desk: Desk, wrong: Fields
) -> None:
    desk.operate("load_books", master(wrong))
    close(desk)
    desk.operate("load_books", master(vendor()))

    closed = close(desk)

    assert (closed["totals"], closed["left_out"]) == ({"EUR": "100.00"}, [])
    assert statuses(desk) == {"R-1": "settled", "R-2": "settled"}
    assert cases(desk) == []


def test_each_run_records_once_what_it_left_out_and_days_without_a_run_record_nothing_new(
    desk: Desk,
) -> None:
    desk.operate("load_books", master(BLOCKED))
    close(desk)

    again = [close(desk) for _ in range(3)]

    (record,) = closings(desk)
    assert "the vendor is not active" in record
    assert [one["run"] for one in again] == [None] * 3
    assert all(one["left_out"] for one in again)
    assert len(cases(desk)) == 1


def test_a_payment_left_out_can_be_cancelled_and_is_off_the_list_at_the_next_closing(
    desk: Desk,
) -> None:
    desk.operate("load_books", master(BLOCKED))
    close(desk)

    undone = desk.undo(task(1))
    closed = close(desk)

    assert (undone.undone, undone.manual) == ((1,), ())
    assert (closed["run"], closed["left_out"]) == (None, [])
    assert statuses(desk)["R-1"] == "cancelled"
    assert cases(desk) == []


def test_a_credit_waits_while_the_payments_it_nets_off_with_are_left_out(desk: Desk) -> None:
    desk.pay(task(3), credit_note("G-1"))
    desk.operate("load_books", master(BLOCKED))

    closed = close(desk)

    assert closed["totals"] == {"EUR": "200.00"}
    assert statuses(desk) == {"R-1": "scheduled", "R-2": "settled", "G-1": "scheduled"}


def test_an_account_that_changed_does_not_hold_up_what_was_scheduled_to_the_new_one(
    desk: Desk,
) -> None:
    desk.operate("load_books", master(MOVED))
    desk.pay(task(3), invoice("R-3", "4", of=MOVED))

    closed = close(desk)

    text = (desk.files / str(closed["file"])).read_text()
    assert closed["totals"] == {"EUR": "600.00"}
    assert (OTHER_IBAN in text, "R-1" in text) == (True, False)
