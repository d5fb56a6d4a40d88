"""Approvals told, read on, checked and on record."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from quartet.contracts.approval import ApprovalDecided, ApprovalRequested
from quartet.contracts.effect import Outcome
from services.toolbox.approvals.tables import ApprovalRow, DecisionRow
from services.toolbox.tables import AuditRow, EffectRow
from tests.unit.approvals_desk import desk, held, kinds
from tests.unit.toolbox_desk import (
    Desk,
    opened,
    task,
)

__all__ = ["desk"]


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
