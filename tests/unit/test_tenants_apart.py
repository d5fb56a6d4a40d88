"""Tenants share books and natural keys; of each other's effects they learn that one is there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from packs.payables.invoice import Invoice
from quartet.contracts.base import Fields
from tests.unit.toolbox_desk import (
    Desk,
    invoice,
    master,
    opened,
    order,
    propose,
    result,
    task,
)

OTHER = "other"


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    """A toolbox with an order of which 20 units at 100.00 were received."""
    with opened(ledger_url, tmp_path) as desk:
        desk.operate("load_books", master(received="20"))
        yield desk
        assert desk.problems() == ()


def matched(desk: Desk, number: int, content: Invoice, tenant: str) -> Fields:
    reference = desk.matched(task(number), content, tenant=tenant)
    found = desk.value(task(number), reference.removeprefix("$")).content
    assert isinstance(found, dict)
    return found


def test_a_duplicate_across_tenants_tells_neither_task_nor_text(desk: Desk) -> None:
    desk.pay(task(1), invoice("R-1", "7"))

    second = desk.pay(task(2), invoice("r 0001", "3"), tenant=OTHER)
    again = desk.pay(task(2), invoice("r 0001", "3"), tenant=OTHER)

    assert (second.status, second.duplicate_of) == ("duplicate", None)
    assert second.says == "duplicate of an effect of another tenant"
    assert task(1) not in second.model_dump_json()
    assert again == second


def test_a_duplicate_of_what_somebody_did_by_hand_does_not_tell_who_and_why(desk: Desk) -> None:
    desk.rule(tier="escalate")
    desk.pay(task(1), invoice("R-1", "7"))
    (asked,) = desk.approvals()
    desk.decide(asked, "take-over")
    desk.decide(asked, "resolve", reason="Paid at the counter.")

    second = desk.pay(task(2), invoice("R-1", "7"), tenant=OTHER)
    third = desk.pay(task(3), invoice("R-1", "7"))

    assert second.status == third.status == "duplicate"
    assert "counter" in third.says
    assert "ann" not in second.says
    assert "counter" not in second.model_dump_json()


def test_a_match_across_tenants_tells_no_task_and_no_invoice_number(desk: Desk) -> None:
    desk.pay(task(1), invoice("SECRET-1", "15"))

    twice = matched(desk, 2, invoice("SECRET-1", "15"), OTHER)
    more = matched(desk, 3, invoice("R-2", "15"), OTHER)

    assert (twice["is_duplicate"], twice["duplicate_of"]) == (True, None)
    assert more["within_tolerance"] is False
    assert "15 are billed already by an invoice of another tenant" in json.dumps(more["reasons"])
    assert "SECRET" not in json.dumps(more)


def test_within_a_tenant_a_match_tells_task_and_number(desk: Desk) -> None:
    desk.pay(task(1), invoice("INV-1", "15"), tenant=OTHER)

    twice = matched(desk, 2, invoice("INV-1", "15"), OTHER)
    more = matched(desk, 3, invoice("R-2", "15"), OTHER)

    assert twice["duplicate_of"] == task(1)
    assert "billed already by INV-1" in json.dumps(more["reasons"])


def test_a_match_out_of_date_tells_no_number_of_another_tenant(desk: Desk) -> None:
    late = desk.matched(task(2), invoice("R-2", "15"), tenant=OTHER)
    desk.pay(task(1), invoice("SECRET-1", "15"))

    sent = order(task(2), result(propose("schedule_payment", match=late)))
    problem = desk.refused(sent, 422)

    assert problem["title"] == "MatchOutOfDate"
    assert "an invoice of another tenant" in str(problem["detail"])
    assert "SECRET" not in json.dumps(problem)


def test_a_duplicate_across_tenants_is_listed_when_what_it_repeats_is_freed(desk: Desk) -> None:
    desk.pay(task(1), invoice())
    desk.pay(task(2), invoice(), tenant=OTHER)

    desk.undo(task(1))

    listed = json.dumps(desk.operate("list_cases"))
    assert task(2) in listed
    assert listed.count("that one was freed") == 1
