"""Compensation: what is undone, what is freed, what is listed for a person."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from quartet.contracts.base import Json
from tests.unit.toolbox_desk import (
    Desk,
    credit_note,
    invoice,
    opened,
    order,
    plan,
    propose,
    result,
    task,
)


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def cases(desk: Desk) -> list[Json]:
    found = desk.operate("list_cases")["cases"]
    assert isinstance(found, list)
    return found


def test_a_scheduled_payment_is_cancelled_and_its_number_is_free_again(desk: Desk) -> None:
    desk.pay(task(1), invoice())

    undone = desk.undo(task(1))

    assert (undone.undone, undone.manual) == ((1,), ())
    assert desk.pay(task(2), invoice()).status == "applied"


def test_undoing_again_changes_nothing(desk: Desk) -> None:
    desk.pay(task(1), invoice())

    assert desk.undo(task(1)) == desk.undo(task(1))


def test_undoing_a_task_that_did_nothing_is_no_error(desk: Desk) -> None:
    assert desk.undo(task(9)).undone == ()


def test_effects_are_undone_newest_first(desk: Desk) -> None:
    desk.register(task(1), plan(slots=3))
    done = result(*(propose("ask_about_invoice", slot=n, reason=f"{n}?") for n in (1, 2, 3)))
    for slot in (2, 1, 3):
        desk.commit(order(task(1), done, slot=slot, planned=plan(slots=3)))

    assert desk.undo(task(1)).undone == (3, 1, 2)


def test_a_payment_whose_run_is_closed_is_left_to_a_person(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    desk.operate("close_payment_run")

    undone = desk.undo(task(1))
    again = desk.undo(task(1))

    assert undone.undone == ()
    assert "is closed; ask the bank" in undone.manual[0]
    assert again == undone
    assert len(cases(desk)) == 1


def test_a_credit_that_a_run_has_used_in_part_is_left_to_a_person(desk: Desk) -> None:
    desk.pay(task(1), invoice(units="1"))
    desk.pay(task(2), credit_note(units="3"))
    desk.operate("close_payment_run")

    assert "is closed" in desk.undo(task(2)).manual[0]


def test_a_held_payment_is_freed(desk: Desk) -> None:
    held = desk.pay(task(1), invoice(units="200"))

    desk.undo(task(1))

    assert held.status == "held"
    assert cases(desk) == []
    assert desk.pay(task(2), invoice("R-1", units="1")).status == "applied"


def test_a_duplicate_of_what_was_undone_is_listed_and_not_paid(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    match = desk.matched(task(2), invoice())
    sent = order(task(2), result(propose("schedule_payment", match=match)))
    second = desk.commit(sent)

    desk.undo(task(1))

    listed = cases(desk)
    assert second.status == "duplicate"
    assert len(listed) == 1
    assert isinstance(listed[0], dict)
    assert (listed[0]["task"], listed[0]["kind"]) == (task(2), "freed")
    assert desk.commit(sent) == second


def test_nothing_more_is_carried_out_for_a_task_that_was_undone(desk: Desk) -> None:
    desk.register(task(1))
    desk.undo(task(1))

    late = order(task(1), result(propose("ask_about_invoice", reason="May I?")))

    assert desk.refused(late, 403)["title"] == "TaskClosed"


def test_a_commit_that_comes_again_after_the_undoing_is_told_so(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    sent = order(task(1), result(propose("schedule_payment", match=match)))
    desk.commit(sent)
    desk.undo(task(1))

    assert desk.commit(sent).status == "compensated"


def test_a_question_is_closed_when_its_task_is_undone(desk: Desk) -> None:
    desk.register(task(1))
    desk.commit(order(task(1), result(propose("ask_about_invoice", reason="May I?"))))

    assert desk.undo(task(1)).undone == (1,)
