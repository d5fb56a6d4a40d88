"""Structuring: many payments below the limit count together; what is undone counts no more."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from quartet.contracts.effect import Outcome
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import OTHER_IBAN, Desk, credit_note, invoice, opened, task, vendor

OTHER, TWIN = vendor("V-2", iban=OTHER_IBAN), vendor("V-3")


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path, vendor(), OTHER, TWIN) as desk:
        yield desk
        assert desk.problems() == ()


def paying(desk: Desk, units: str, times: int, first: int = 1) -> list[Outcome]:
    """Pay as many invoices of V-1, one task each."""
    numbers = range(first, first + times)
    return [desk.pay(task(n), invoice(f"R-{n}", units=units)) for n in numbers]


def test_payments_to_one_payee_are_held_once_they_pass_its_cap_of_the_day(desk: Desk) -> None:
    outcomes = paying(desk, "50", 6)

    assert [o.status for o in outcomes] == ["applied"] * 5 + ["held"]
    assert outcomes[5].tier == "approve"
    assert outcomes[5].policies == ("payables.payee-day", "payables.pay")
    assert "more than 25000.00 in one day" in outcomes[5].says


def test_the_exact_cap_is_still_autonomous_and_a_cent_more_is_not(desk: Desk) -> None:
    paying(desk, "90", 2)

    last = desk.pay(task(8), invoice("R-8", units="70"))
    cent = desk.pay(task(9), invoice("R-9", units="0.0001"))

    assert (last.status, cent.status) == ("applied", "held")


def test_another_payee_is_not_held_for_it(desk: Desk) -> None:
    paying(desk, "90", 3)

    assert desk.pay(task(9), invoice("R-9", units="90", of=OTHER)).status == "applied"


def test_two_vendors_with_one_account_are_one_payee(desk: Desk) -> None:
    paying(desk, "90", 2)

    assert desk.pay(task(9), invoice("R-9", units="90", of=TWIN)).status == "held"


def test_the_next_day_begins_anew_until_the_month_is_full(desk: Desk) -> None:
    statuses = []
    for day in range(5):
        statuses += [o.status for o in paying(desk, "100", 2, first=1 + 2 * day)]
        desk.clock.now += timedelta(days=1)

    full = desk.pay(task(50), invoice("R-50", units="1", of=TWIN))

    assert statuses == ["applied"] * 10
    assert full.policies == ("payables.payee-month", "payables.pay")


def test_a_month_later_it_counts_no_more(desk: Desk) -> None:
    for day in range(4):
        paying(desk, "90", 2, first=1 + 2 * day)
        desk.clock.now += timedelta(days=1)
    desk.clock.now += timedelta(days=29)

    later = desk.pay(task(50), invoice("R-50", units="90"))

    with desk.ledger.read() as entry:
        rows = entry.session.query(AuditRow).filter_by(kind="policy-decided", task=task(50))
        facts = json.loads(rows.one().record)["body"]["facts"]
    assert later.status == "applied"
    assert facts["sums"]["payee_month"] == "9000.00"


def test_an_undone_payment_counts_no_more(desk: Desk) -> None:
    paying(desk, "90", 2)
    desk.undo(task(1))

    assert desk.pay(task(9), invoice("R-9", units="90")).status == "applied"


def test_a_held_payment_holds_up_nobody_else(desk: Desk) -> None:
    large = desk.pay(task(1), invoice("R-1", units="600"))

    assert (large.status, desk.pay(task(2), invoice("R-2", units="90")).status) == (
        "held",
        "applied",
    )


def test_a_credit_is_not_counted_for_the_payee(desk: Desk) -> None:
    paying(desk, "90", 2)
    desk.pay(task(8), credit_note("G-1", units="90"))

    assert desk.pay(task(9), invoice("R-9", units="70")).status == "applied"


def test_every_decision_is_on_record_with_its_facts_policies_and_version(desk: Desk) -> None:
    outcome = desk.pay(task(1), invoice(units="101"))

    with desk.ledger.read() as entry:
        row = entry.session.query(AuditRow).filter_by(kind="policy-decided").one()
        body = json.loads(row.record)["body"]
    assert (body["tier"], body["mode"], body["call_digest"]) == (
        "approve",
        "enforce",
        outcome.call_digest,
    )
    assert body["policies"] == ["payables.above-limit", "payables.pay"]
    assert body["version"].startswith("sha256:")
    assert (body["facts"]["amount"], body["facts"]["agent"]) == ("10100.00", "specialist-finance")
