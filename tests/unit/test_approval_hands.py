"""Calls that people take over, agents that ask, and how much may be asked."""

from datetime import timedelta
from pathlib import Path

from services.toolbox.approvals.rules import Rules
from tests.unit.approvals_desk import desk, held, large, payments
from tests.unit.toolbox_desk import (
    Desk,
    invoice,
    opened,
    order,
    plan,
    propose,
    result,
    task,
)

__all__ = ["desk"]

FEW = Rules(waiting_per_task=2, waiting_per_requester=3, asked_per_day=5)
WEEK = timedelta(days=7)


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
