"""Approvals in the toolbox: asked, decided, used once, refused; each rule by name."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from quartet.contracts.approval import ApprovalView
from quartet.contracts.base import Fields
from services.toolbox.approvals.tables import ApprovalRow
from tests.unit.approvals_desk import desk, held, kinds, payments
from tests.unit.toolbox_desk import (
    Desk,
    invoice,
    order,
    propose,
    result,
    task,
)

__all__ = ["desk"]

WEEK = timedelta(days=7)


def test_an_approved_payment_is_made_once_however_often_it_is_committed(desk: Desk) -> None:
    sent, asked = held(desk)

    decided = desk.decide(asked, "approve")
    outcomes = [desk.commit(sent) for _ in range(3)]

    assert decided.state == "approved"
    assert [o.status for o in outcomes] == ["applied"] * 3
    assert outcomes[0].says.startswith("pay 20000.00 EUR")
    assert len(payments(desk)) == 1
    assert desk.approvals(state="used")[0].decisions[0].person == "ann"
    assert kinds(desk).count("approval-used") == 1


def test_until_somebody_decides_the_payment_stays_held(desk: Desk) -> None:
    sent, _ = held(desk)

    assert {desk.commit(sent).status for _ in range(3)} == {"held"}
    assert payments(desk) == []


def test_a_person_sees_what_the_call_is_and_what_follows(desk: Desk) -> None:
    _, asked = held(desk)

    assert asked.effect.startswith("pay 20000.00 EUR to Vendor V-1")
    assert (asked.amount, asked.currency) == ("20000.00", "EUR")
    assert "Vendor V-1 (V-1), account DE80" in asked.counterparty
    assert asked.reversible
    assert "above the autonomous limit" in asked.why[0]
    (evidence,) = asked.evidence
    assert (evidence.tool, evidence.producer) == ("match_invoice", "toolbox")
    assert {f.path: f.integrity for f in evidence.fields} == {
        "amount_due": "untrusted-source",
        "currency": "untrusted-source",
        "iban": "trusted-tool",
        "vendor_id": "trusted-tool",
    }
    assert [line.split(":")[0] for line in asked.alternatives] == [
        "schedule_credit",
        "hold_invoice",
        "ask_about_invoice",
    ]
    assert (asked.summary, asked.confidence, asked.requester) == ("Fits.", 1.0, "dora")
    assert "goes on without it" in asked.on_reject
    assert asked.expires_at - asked.asked_at == WEEK
    assert asked.call["match"] is not None


def test_a_rejected_payment_is_not_made_and_its_number_is_free(desk: Desk) -> None:
    sent, asked = held(desk)

    desk.decide(asked, "reject", reason="Not ours.")
    outcome = desk.commit(sent)

    assert outcome.status == "rejected"
    assert outcome.says.startswith("rejected, by ann: Not ours.; pay 20000.00 EUR")
    assert outcome.guidance == ""
    assert desk.pay(task(2), invoice("R-1")).status == "applied"


def test_guidance_reaches_the_outcome_and_a_new_attempt_is_asked_about_anew(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "reject", reason="Too much.", guidance="Hold it instead.")

    outcome = desk.commit(sent)
    again = order(sent.task, sent.result, attempt=2)
    second = desk.commit(again)

    assert outcome.guidance == "Hold it instead."
    assert second.status == "held"
    (anew,) = desk.approvals()
    assert (anew.id != asked.id, anew.call_digest) == (True, asked.call_digest)
    desk.decide(anew, "approve")
    assert desk.commit(again).status == "applied"


def test_an_approval_of_a_call_that_is_changed_afterwards_counts_for_nothing(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")
    read = desk.settle(sent.task, invoice("R-9", units="300"))
    match = desk.call(sent.task, "match_invoice", invoice=f"${read}")["value"]

    more = order(sent.task, result(propose("schedule_payment", match=f"${match}")), attempt=2)
    outcome = desk.commit(more)

    assert outcome.status == "held"
    assert "pay 30000.00 EUR" in outcome.says
    assert [a.state for a in desk.approvals(state="withdrawn")] == ["withdrawn"]
    assert payments(desk) == []
    assert desk.refused(sent, 422)["title"] == "EffectKeyReused"


def test_an_approval_for_another_digest_counts_for_nothing(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")
    with desk.ledger.write() as entry:
        entry.session.execute(update(ApprovalRow).values(call_digest="sha256:" + "0" * 64))

    assert desk.commit(sent).status == "held"
    assert payments(desk) == []
    assert desk.approvals()[0].call_digest == asked.call_digest


Prepare = Callable[[Desk, ApprovalView], None]
REFUSED: dict[str, tuple[str, str, Fields, int, str]] = {
    "by nobody": ("approve", "", {}, 401, "NotSignedIn"),
    "by a stranger": ("approve", "mallory", {}, 401, "NotSignedIn"),
    "by somebody of another tenant": ("approve", "eve", {}, 404, "NoSuchApproval"),
    "by the requester": ("approve", "dora", {}, 403, "NotAnApprover"),
    "by an admin who is no approver": ("approve", "olga", {}, 403, "NotAnApprover"),
    "for another call": (
        "approve",
        "ann",
        {"call_digest": "sha256:" + "0" * 64},
        409,
        "OtherCall",
    ),
    "without a digest": ("approve", "ann", {"call_digest": ""}, 422, "MessageRefused"),
    "with a field too many": ("approve", "ann", {"force": "yes"}, 422, "MessageRefused"),
    "of no known kind": ("wave-through", "ann", {}, 422, "MessageRefused"),
    "rejected without a reason": ("reject", "ann", {"reason": " "}, 422, "ReasonMissing"),
    "resolved and not taken over": ("resolve", "ann", {"reason": "Paid."}, 409, "NotDecidable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_decision_is_refused(desk: Desk, case: str) -> None:
    decision, by, more, status, title = REFUSED[case]
    sent, asked = held(desk)

    sent_more = {"call_digest": asked.call_digest} | {k: str(v) for k, v in more.items()}
    path = f"/callers/console/approvals/{asked.id}/decide"
    answer = desk.http.post(
        path, json={"decision": decision} | sent_more, headers={"person-token": by}
    )

    assert (answer.status_code, answer.json()["title"]) == (status, title)
    assert desk.commit(sent).status == "held"
    assert desk.approvals()[0].decisions == ()


def test_the_requester_never_approves_even_as_approver_or_under_another_spelling(
    desk: Desk,
) -> None:
    _, asked = held(desk, requester=" CAROL ")

    assert desk.deciding(asked, "approve", "carol", 403)["title"] == "OwnTask"
    assert kinds(desk)[-1] == "decision-refused"


def test_a_member_of_the_group_that_is_asked_may_decide(desk: Desk) -> None:
    sent, asked = held(desk)

    assert desk.decide(asked, "approve", by="fred").state == "approved"
    assert desk.commit(sent).status == "applied"


def test_who_has_no_role_sees_only_what_their_own_tasks_ask(desk: Desk) -> None:
    held(desk, 1, requester="dora")
    held(desk, 2, requester="somebody")

    assert [a.requester for a in desk.approvals("dora")] == ["dora"]
    assert len(desk.approvals("olga")) == 2
    assert desk.approvals("eve") == []


def test_two_people_means_two_and_the_same_one_twice_counts_once(desk: Desk) -> None:
    desk.rule(approvers=2)
    sent, asked = held(desk)

    first = [desk.decide(asked, "approve").state for _ in range(2)]
    between = desk.commit(sent).status
    second = desk.decide(asked, "approve", by="bob")

    assert first == ["waiting", "waiting"]
    assert between == "held"
    assert second.state == "approved"
    assert [d.person for d in second.decisions] == ["ann", "bob"]
    assert desk.commit(sent).status == "applied"


def test_one_of_two_who_rejects_ends_it(desk: Desk) -> None:
    desk.rule(approvers=2)
    sent, asked = held(desk)
    desk.decide(asked, "approve")

    desk.decide(asked, "reject", by="bob", reason="No.")

    assert desk.commit(sent).status == "rejected"


def test_the_same_decision_sent_again_is_the_same_answer(desk: Desk) -> None:
    _, asked = held(desk)

    first, again = desk.decide(asked, "approve"), desk.decide(asked, "approve")

    assert first == again
    assert len(again.decisions) == 1


def test_of_two_different_decisions_the_first_stays(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")

    late = desk.deciding(asked, "reject", "bob", 409, reason="No.")

    assert late["title"] == "NotDecidable"
    assert desk.commit(sent).status == "applied"
