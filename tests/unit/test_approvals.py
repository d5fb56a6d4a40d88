"""Approvals in the toolbox: asked, decided, used once, refused, expired; each rule by name."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from quartet.contracts.approval import ApprovalDecided, ApprovalRequested, ApprovalView
from quartet.contracts.base import Fields
from quartet.contracts.effect import Commit, Outcome
from services.toolbox.approvals.rules import Rules
from services.toolbox.approvals.tables import ApprovalRow, DecisionRow
from services.toolbox.tables import AuditRow, EffectRow
from tests.unit.toolbox_desk import (
    Desk,
    invoice,
    master,
    opened,
    order,
    plan,
    propose,
    result,
    task,
)

FEW = Rules(waiting_per_task=2, waiting_per_requester=3, asked_per_day=5)
WEEK = timedelta(days=7)


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk
        assert desk.problems() == ()


def large(desk: Desk, number: int = 1, requester: str = "dora") -> Commit:
    """A payment of 20,000 EUR, ready to be committed."""
    match = desk.matched(task(number), invoice(f"R-{number}", units="200"), requester)
    return order(task(number), result(propose("schedule_payment", match=match), summary="Fits."))


def held(desk: Desk, number: int = 1, requester: str = "dora") -> tuple[Commit, ApprovalView]:
    """A payment that waits for people, and what they are asked."""
    sent = large(desk, number, requester)
    assert desk.commit(sent).status == "held"
    (asked,) = desk.approvals(task=sent.task)
    return sent, asked


def kinds(desk: Desk) -> list[str]:
    with desk.ledger.read() as entry:
        return list(entry.session.scalars(select(AuditRow.kind).order_by(AuditRow.sequence)))


def payments(desk: Desk) -> list[object]:
    found = desk.operate("list_payments")["payments"]
    assert isinstance(found, list)
    return list(found)


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


def test_an_approval_decided_after_its_time_is_refused(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.clock.skip(WEEK)

    assert desk.deciding(asked, "approve", "ann", 409)["title"] == "Expired"
    assert desk.commit(sent).status == "expired"


def test_the_round_expires_what_is_past_its_time_and_lists_its_duplicates(desk: Desk) -> None:
    sent, _ = held(desk)
    double = desk.pay(task(2), invoice("R-1"))
    desk.clock.skip(WEEK)

    desk.round()
    desk.round()

    outcome = desk.commit(sent)
    assert (double.status, outcome.status) == ("duplicate", "expired")
    assert outcome.says.startswith("expired, nobody decided until 2026-11-27")
    cases = desk.operate("list_cases")["cases"]
    assert [c["kind"] for c in cases if isinstance(c, dict)] == ["freed"]  # type: ignore[union-attr]
    assert desk.pay(task(3), invoice("R-1")).status == "applied"
    assert kinds(desk).count("approval-expired") == 1


def test_an_approved_call_that_is_not_carried_out_in_time_expires_too(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.clock.skip(WEEK - timedelta(hours=1))
    desk.decide(asked, "approve")

    desk.clock.skip(timedelta(hours=2))
    desk.round()
    still = desk.approvals()[0].state
    desk.clock.skip(timedelta(days=1))
    desk.round()

    assert still == "approved", "an outage of hours must not lose a decision"
    assert desk.commit(sent).status == "expired"


def test_what_is_decided_for_a_task_that_has_ended_does_nothing(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.undo(sent.task)

    assert desk.deciding(asked, "approve", "ann", 409)["title"] == "TaskClosed"
    assert desk.commit(sent).status == "rejected"
    assert payments(desk) == []


def test_an_approved_call_whose_task_ends_first_is_not_carried_out(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")

    desk.undo(sent.task)

    assert desk.commit(sent).status == "rejected"
    assert desk.approvals(state="withdrawn")[0].id == asked.id


@pytest.mark.parametrize(
    ("stricter", "status"),
    [
        ({"version": "2"}, "applied"),
        ({"tier": "autonomous", "approvers": 0}, "applied"),
        ({"approvers": 2}, "held"),
        ({"tier": "escalate"}, "held"),
    ],
)
def test_after_a_policy_change_people_are_asked_again_only_if_it_asks_for_more(
    desk: Desk, stricter: Fields, status: str
) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")

    desk.rule(**stricter)
    outcome = desk.commit(sent)

    assert outcome.status == status
    anew = [a.id for a in desk.approvals() if a.state == "waiting"]
    assert bool(anew) is (status == "held")
    assert asked.id not in anew


def test_a_tool_that_refuses_after_the_approval_leaves_it_unused(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")
    desk.operate("load_books", master(received="1"))

    problem = desk.refused(sent, 422)

    assert problem["title"] == "MatchOutOfDate"
    assert desk.approvals()[0].state == "approved"
    assert payments(desk) == []


def test_an_escalated_call_is_taken_over_and_resolved_by_hand(desk: Desk) -> None:
    desk.rule(tier="escalate")
    sent, asked = held(desk)

    assert desk.deciding(asked, "approve", "ann", 409)["title"] == "NotDecidable"
    taken = desk.decide(asked, "take-over")
    other = desk.deciding(asked, "resolve", "bob", 409, reason="Me too.")
    done = desk.decide(asked, "resolve", reason="Paid at the bank, reference 7.")
    outcome = desk.commit(sent)

    assert (taken.state, taken.taken_by, done.state) == ("taken-over", "ann", "resolved")
    assert "ann has taken it over" in str(other["detail"])
    assert outcome.status == "resolved"
    assert "by hand, by ann: Paid at the bank, reference 7." in outcome.says
    assert payments(desk) == []
    assert desk.pay(task(2), invoice("R-1")).status == "duplicate"


def test_what_was_resolved_by_hand_is_listed_when_its_task_is_undone(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "take-over")
    desk.decide(asked, "resolve", reason="Paid at the bank.")

    undone = desk.undo(sent.task)

    assert undone.undone == ()
    assert "has to undo it by hand" in undone.manual[0]


def test_what_a_person_has_taken_over_does_not_expire_and_can_be_returned(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "take-over")
    desk.clock.skip(2 * WEEK)
    desk.round()

    back = desk.decide(asked, "reject", reason="Wrong order.", guidance="Match PO-2.")

    assert back.state == "rejected"
    assert desk.commit(sent).guidance == "Match PO-2."


def test_another_person_may_take_over_what_was_taken_over(desk: Desk) -> None:
    _, asked = held(desk)
    desk.decide(asked, "take-over")

    assert desk.decide(asked, "take-over", by="bob").taken_by == "bob"
    assert desk.decide(asked, "take-over", by="ann").taken_by == "ann"


def test_an_agent_that_asks_is_heard_before_anything_is_done(desk: Desk) -> None:
    match = desk.matched(task(1), invoice())
    unsure = result(propose("schedule_payment", match=match)).model_copy(
        update={"asks": "Is this the right vendor?", "confidence": 0.4}
    )
    sent = order(task(1), unsure)

    outcome = desk.commit(sent)
    (asked,) = desk.approvals()

    assert outcome.status == "held"
    assert (asked.asks, asked.confidence) == ("Is this the right vendor?", 0.4)
    desk.decide(asked, "approve")
    assert desk.commit(sent).status == "applied"


def test_who_asks_too_much_is_refused_and_what_waits_is_grouped(
    ledger_url: str, tmp_path: Path
) -> None:
    with opened(ledger_url, tmp_path, rules=FEW) as desk:
        sents = [large(desk, n) for n in range(1, 7)]
        for sent in sents[:3]:
            assert desk.commit(sent).status == "held"

        refused = desk.refused(sents[3], 429)
        answer = desk.http.get("/callers/console/approvals", headers={"person-token": "ann"})
        (group,) = answer.json()["groups"]

        assert (refused["title"], refused["advice"]) == ("TooManyApprovals", "abandon")
        assert "'dora' has asked for 3 approvals" in str(refused["detail"])
        assert (group["count"], group["amounts"]) == (3, {"EUR": "60000.00"})
        for sent, asked in zip(sents[:3], desk.approvals(), strict=True):
            desk.decide(asked, "reject", reason="No.")
            assert desk.commit(sent).status == "rejected"
        assert [desk.commit(sent).status for sent in sents[3:5]] == ["held", "held"]
        assert "in a day" in str(desk.refused(sents[5], 429)["detail"])
        assert desk.problems() == ()


def test_one_task_asks_only_so_often_at_a_time(ledger_url: str, tmp_path: Path) -> None:
    with opened(ledger_url, tmp_path, rules=FEW) as desk:
        desk.register(task(1), plan(slots=3), requester="anonymous")
        done = result(*(propose("ask_about_invoice", slot=n, reason=f"{n}?") for n in (1, 2, 3)))
        for slot in (1, 2):
            desk.commit(order(task(1), done, slot=slot, planned=plan(slots=3)))

        refused = desk.refused(order(task(1), done, slot=3, planned=plan(slots=3)), 429)

        assert f"task {task(1)} has asked for 2" in str(refused["detail"])


def events(desk: Desk) -> list[tuple[str, str]]:
    return [(topic, event) for topic, event, _ in desk.sidecar.events]


def test_a_request_and_a_decision_are_published_once_each_from_the_outbox(desk: Desk) -> None:
    _, asked = held(desk)
    desk.decide(asked, "approve")

    desk.round()
    desk.round()

    topics = [topic for topic, _ in events(desk)]
    assert topics == ["approval-requested", "approval-decided"]
    requested, decided = (data for _, _, data in desk.sidecar.events)
    assert isinstance(requested, ApprovalRequested)
    assert requested.call_digest == asked.call_digest
    assert isinstance(decided, ApprovalDecided)
    assert (decided.task, decided.attempt, decided.state) == (task(1), 1, "approved")


def test_who_reads_decisions_from_a_number_on_gets_each_one(desk: Desk) -> None:
    for number in (1, 2):
        _, asked = held(desk, number)
        desk.decide(asked, "approve")
    desk.round()

    found = desk.http.get("/callers/coordinator/decisions/0").json()["decisions"]
    rest = desk.http.get(f"/callers/coordinator/decisions/{found[0]['number']}").json()
    none = desk.http.get(f"/callers/coordinator/decisions/{found[-1]['number']}").json()

    assert [d["decided"]["task"] for d in found] == [task(1), task(2)]
    assert rest["decisions"] == found[1:]
    assert none["decisions"] == []


CHANGES: dict[str, Callable[[Session], object]] = {
    "by 0 people, not 1": lambda s: s.execute(update(DecisionRow).values(decision="reject")),
    "decided by its requester": lambda s: s.execute(update(DecisionRow).values(person="dora")),
    "decided for another call": lambda s: s.execute(update(DecisionRow).values(call_digest="x")),
    "decided after its time": lambda s: s.execute(
        update(ApprovalRow).values(expires_at=ApprovalRow.asked_at)
    ),
    "used after its time": lambda s: s.execute(
        update(ApprovalRow).values(use_by=ApprovalRow.asked_at)
    ),
    "not used once on record": lambda s: s.execute(
        update(AuditRow).where(AuditRow.kind == "approval-used").values(kind="approval-lost")
    ),
    "approvals were used for []": lambda s: s.execute(update(ApprovalRow).values(state="rejected")),
    "differ from open approvals": lambda s: s.execute(update(ApprovalRow).values(state="waiting")),
    "is applied for": lambda s: (
        s.execute(delete(DecisionRow)),
        s.execute(delete(ApprovalRow)),
        s.execute(update(AuditRow).values(kind="x").where(AuditRow.kind == "effect-held")),
    ),
    "is held for": lambda s: s.execute(update(EffectRow).values(status="held")),
}


@pytest.mark.parametrize("problem", CHANGES)
def test_the_checker_sees(ledger_url: str, tmp_path: Path, problem: str) -> None:
    with opened(ledger_url, tmp_path) as desk:
        sent, asked = held(desk)
        desk.decide(asked, "approve")
        desk.commit(sent)
        assert desk.problems() == ()

        with desk.ledger.write() as entry:
            CHANGES[problem](entry.session)

        assert any(problem in says for says in desk.problems()), desk.problems()


def test_every_act_on_an_approval_is_on_record_with_the_person(desk: Desk) -> None:
    sent, asked = held(desk)
    desk.decide(asked, "approve")
    outcome: Outcome = desk.commit(sent)

    assert outcome.status == "applied"
    assert kinds(desk)[-5:] == [
        "effect-held",
        "approval-decided",
        "policy-decided",
        "approval-used",
        "effect-applied",
    ]
    with desk.ledger.read() as entry:
        row = entry.session.scalar(select(AuditRow).where(AuditRow.kind == "approval-decided"))
        assert row is not None
        body = json.loads(row.record)["body"]
    assert (body["person"]["name"], body["call_digest"]) == ("ann", asked.call_digest)
