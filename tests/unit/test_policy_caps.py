"""Structuring: many payments below the limit count together; what is undone counts no more."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from quartet.contracts.effect import Commit, Outcome
from services.toolbox.commit import commit
from services.toolbox.governance import Governance
from services.toolbox.policy.live import Policies
from services.toolbox.tables import AuditRow
from tests.unit.toolbox_desk import (
    OTHER_IBAN,
    Desk,
    credit_note,
    invoice,
    opened,
    order,
    propose,
    result,
    task,
    vendor,
)

OTHER, TWIN = vendor("V-2", iban=OTHER_IBAN), vendor("V-3")


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path, vendor(), OTHER, TWIN) as desk:
        yield desk
        assert desk.problems() == ()


def governed(desk: Desk, policies: Policies, sent: Commit) -> Outcome:
    """Commit under another policy than the desk's own."""
    return commit(desk.ledger, Governance(policies, desk.keyring), sent)


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


def test_a_call_of_tier_notify_acts_and_is_listed_for_people(desk: Desk, tmp_path: Path) -> None:
    text = desk.pack.text("policy.cedar")
    told = """@id("payables.told") @reason("somebody wants to know")
        forbid (
          principal, action == Action::"autonomous", resource == Tool::"ask_about_invoice"
        );"""
    path = tmp_path / "policy.cedar"
    path.write_text(text + told)
    desk.register(task(1))
    asked = order(task(1), result(propose("ask_about_invoice", reason="May I?")))

    outcome = governed(desk, Policies(desk.pack, path), asked)

    cases = desk.operate("list_cases")["cases"]
    assert (outcome.status, outcome.tier) == ("applied", "notify")
    assert isinstance(cases, list)
    assert [c["kind"] for c in cases if isinstance(c, dict)] == ["told"]


def test_log_only_applies_what_only_the_pack_held_and_records_what_it_would_be(desk: Desk) -> None:
    match = desk.matched(task(1), invoice(units="101"))
    sent = order(task(1), result(propose("schedule_payment", match=match)))

    outcome = governed(desk, Policies(desk.pack, mode="log-only"), sent)

    with desk.ledger.read() as entry:
        row = entry.session.query(AuditRow).filter_by(kind="policy-decided").one()
        body = json.loads(row.record)["body"]
    assert (outcome.status, outcome.tier) == ("applied", "autonomous")
    assert (body["mode"], body["tier"], body["logged"]) == ("log-only", "autonomous", "approve")


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
