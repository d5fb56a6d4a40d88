"""Invoices on one order count together: what is left of what was received, and who is late."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from packs.payables.invoice import Invoice, Totals
from packs.payables.matching import Match
from quartet.contracts.base import Fields, Json
from quartet.contracts.work import WorkResult
from quartet.packs.load import load
from services.models.providers.playbook import playbook_of
from tests.unit.payables_desk import converse
from tests.unit.toolbox_desk import (
    Desk,
    credit_note,
    invoice,
    master,
    opened,
    order,
    plan,
    propose,
    result,
    task,
)

MODEL = playbook_of(load("payables"))


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A toolbox with an order of which 20 units at 100.00 were received."""
    with opened(ledger_url, tmp_path) as desk:
        desk.operate("load_books", master(received="20"))
        yield desk
        assert desk.problems() == ()


def matched(desk: Desk, number: int, content: Invoice) -> Match:
    reference = desk.matched(task(number), content)
    return Match.model_validate(desk.value(task(number), reference.removeprefix("$")).content)


def unnamed(number: str, units: str, named: str = "") -> Invoice:
    """An invoice with a line that names no order line, after some units in one that does."""
    whole = invoice(number, units)
    bare = whole.lines[0].model_copy(update={"id": "2", "order_line": None})
    if not named:
        return invoice(number, units, lines=(bare,))
    first = invoice(number, named).lines[0]
    net = first.net + bare.net
    totals = Totals(lines=net, net=net, gross=net, payable=net)
    vat = (whole.vat[0].model_copy(update={"basis": net}),)
    return invoice(number, lines=(first, bare), totals=totals, vat=vat)


def test_a_second_invoice_over_the_rest_is_not_clear_and_says_why(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "20"))

    found = matched(desk, 2, invoice("INV-2", "17"))

    assert (found.clear, found.within_tolerance) == (False, False)
    assert found.reasons == (
        "order, receipt and invoice do not match",
        "17 of order line 10 are billed, 20 were received, 20 are billed already by INV-1",
    )


@pytest.mark.parametrize(("units", "clear"), [("8", True), ("8.001", False)])
def test_the_exact_rest_is_paid_and_no_more(
    desk: Desk,
    units: str,
    clear: bool,  # noqa: FBT001 - a table of cases
) -> None:
    desk.pay(task(1), invoice("INV-1", "5"))
    desk.pay(task(2), invoice("INV-2", "7"))

    found = matched(desk, 3, invoice("INV-3", units))

    assert found.clear is clear
    if not clear:
        assert "12 are billed already by INV-1 and 1 more" in found.reasons[-1]


def test_what_a_cancelled_payment_billed_may_be_billed_again(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "20"))
    late = matched(desk, 2, invoice("INV-2", "20"))
    desk.undo(task(1))

    assert not late.clear
    assert desk.pay(task(3), invoice("INV-3", "20")).status == "applied"


def test_what_a_closed_run_paid_stays_billed(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "20"))
    desk.operate("close_payment_run")

    assert not matched(desk, 2, invoice("INV-2", "1")).clear


def test_the_same_invoice_again_is_a_duplicate_and_not_above_what_was_received(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-0001", "20"))

    assert desk.pay(task(2), invoice("inv 1", "20")).status == "duplicate"


def test_more_received_later_makes_room(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "20"))
    desk.operate("load_books", master(received="25"))

    assert matched(desk, 2, invoice("INV-2", "5")).clear


def test_invoices_without_line_references_count_by_their_net_totals(desk: Desk) -> None:
    desk.pay(task(1), unnamed("INV-1", "12"))

    over = matched(desk, 2, unnamed("INV-2", "8.41"))

    assert over.reasons[-1] == (
        "the net total 841.00 is above what the order gives, 2000.00, "
        "of which 1200.00 is billed already by INV-1"
    )
    assert desk.pay(task(3), unnamed("INV-3", "8.40")).status == "applied"


@pytest.mark.parametrize("late", [invoice("INV-2", "9"), unnamed("INV-2", "9")])
@pytest.mark.parametrize("early", [invoice("INV-1", "12"), unnamed("INV-1", "12")])
def test_invoices_with_and_without_line_references_count_together(
    desk: Desk, early: Invoice, late: Invoice
) -> None:
    desk.pay(task(1), early)

    assert not matched(desk, 2, late).clear


def test_one_line_without_a_reference_does_not_free_the_others_of_their_quantity(
    desk: Desk,
) -> None:
    cheap = unnamed("INV-1", "1", named="15")
    desk.pay(task(1), cheap)

    found = matched(desk, 2, invoice("INV-2", "6", price="1.00"))

    assert "15 are billed already by INV-1" in found.reasons[-1]


def test_a_negative_line_gives_no_quantity_back(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "20"))
    line = invoice("INV-2", "1").lines[0]
    back = line.model_copy(update={"id": "2", "quantity": Decimal(-1), "net": Decimal(-100)})
    nothing = Decimal("0.00")
    totals = Totals(lines=nothing, net=nothing, gross=nothing, payable=nothing)

    found = matched(desk, 2, invoice("INV-2", lines=(line, back), totals=totals))

    assert (found.quantities, found.net, found.clear) == ({}, Decimal(0), False)


def test_a_credit_note_fits_what_is_billed_and_gives_no_quantity_back(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "20"))
    credited = desk.pay(task(2), credit_note("G-1", "20"))

    assert credited.status == "applied"
    assert not matched(desk, 3, invoice("INV-2", "1")).clear


def test_a_payment_held_for_approval_keeps_no_other_from_being_paid(desk: Desk) -> None:
    desk.operate("load_books", master(received="120"))
    held = desk.pay(task(1), invoice("INV-1", "101"))

    other = desk.pay(task(2), invoice("INV-2", "20"))

    assert (held.status, other.status) == ("held", "applied")


def test_a_match_from_before_another_payment_of_the_order_is_out_of_date(desk: Desk) -> None:
    early, late = (desk.matched(task(n), invoice(f"INV-{n}", "15")) for n in (1, 2))
    desk.commit(order(task(1), result(propose("schedule_payment", match=early))))

    problem = desk.refused(order(task(2), result(propose("schedule_payment", match=late))), 422)

    assert (problem["title"], problem["advice"]) == ("MatchOutOfDate", "retry-changed")
    assert "15 are billed already by INV-1" in str(problem["detail"])


def test_a_match_from_before_the_order_was_closed_is_out_of_date(desk: Desk) -> None:
    early = desk.matched(task(1), invoice("INV-1", "15"))
    desk.operate("load_books", master(received="20", status="closed"))

    problem = desk.refused(order(task(1), result(propose("schedule_payment", match=early))), 422)

    assert problem["title"] == "MatchOutOfDate"


def settled(desk: Desk, of: str, read: str, feedback: str = "") -> WorkResult:
    """What the playbook's specialist proposes on the tools' results, and its critic accepts."""

    def answer(tool: str, arguments: Fields) -> Json:
        return desk.call(of, tool, invoice=str(arguments["invoice"]))

    given: Json = [{"subtask": "read", "decision": "invoice", "values": [read]}]
    subtask = plan().subtasks[1].model_dump(mode="json")
    work: Fields = {"subtask": subtask, "given": given, "feedback": feedback}
    tools = ("check_invoice", "match_invoice")
    done = WorkResult.model_validate(
        converse(MODEL, "specialist.settle-invoice", work, tools, answer)
    )
    evidence: list[Json] = [desk.value(of, v).model_dump(mode="json") for v in done.values]
    review: Json = {"order": {"subtask": subtask, "given": given}, "result": done.model_dump()}
    material: Fields = {"review": review, "evidence": evidence}
    verdict = converse(MODEL, "critic.settle-invoice", material, (), answer)
    assert verdict["decision"] == "accept", verdict
    return done


def test_the_late_one_of_two_is_matched_again_and_held(desk: Desk) -> None:
    reads = {}
    for n in (1, 2):
        desk.register(task(n))
        reads[n] = desk.settle(task(n), invoice(f"INV-{n}", "20"))
    early, late = (settled(desk, task(n), reads[n]) for n in (1, 2))
    assert (early.decision, late.decision) == ("pay", "pay")
    desk.commit(order(task(1), early))
    refusal = desk.refused(order(task(2), late), 422)

    again = settled(desk, task(2), reads[2], str(refusal["detail"]))
    outcome = desk.commit(order(task(2), again, attempt=2))

    assert (outcome.tool, outcome.status) == ("hold_invoice", "applied")
    assert "20 are billed already by INV-1" in outcome.says
