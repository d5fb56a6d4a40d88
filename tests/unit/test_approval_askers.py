"""Who asked for a task that runs as anonymous: on record, signed, and decides nothing of it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from quartet.contracts.approval import ApprovalView
from quartet.contracts.effect import Commit
from services.toolbox.approvals.tables import DecisionRow
from services.toolbox.tables import AuditRow, PlanRow
from tests.unit.toolbox_desk import Desk, invoice, opened, order, propose, result, task


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk


def held(desk: Desk, asked_by: str) -> tuple[Commit, ApprovalView]:
    """A payment of a task that somebody asked for and that runs as anonymous."""
    desk.register(task(1), requester="anonymous", asked_by=asked_by)
    match = desk.match_of(task(1), invoice())
    sent = order(task(1), result(propose("schedule_payment", match=match)))
    assert desk.commit(sent).status == "held"
    (asked,) = desk.approvals()
    assert (asked.requester, asked.approvers) == ("anonymous", 1)
    return sent, asked


@pytest.mark.parametrize("decision", ["approve", "reject", "take-over", "resolve"])
@pytest.mark.parametrize("asked_by", ["carol", " CAROL "])
def test_who_asked_for_an_anonymous_task_decides_nothing_of_it(
    desk: Desk, asked_by: str, decision: str
) -> None:
    sent, asked = held(desk, asked_by)

    refused = desk.deciding(asked, decision, "carol", 403, reason="it is mine")

    assert refused["title"] == "OwnTask"
    with desk.ledger.read() as entry:
        last = select(AuditRow.kind).order_by(AuditRow.sequence.desc())
        assert entry.session.scalars(last.limit(1)).one() == "decision-refused"
    assert desk.commit(sent).status == "held"
    assert desk.approvals()[0].decisions == ()


def test_who_asked_for_it_gives_it_to_no_other_group(desk: Desk) -> None:
    _, asked = held(desk, "carol")

    answer = desk.http.post(
        f"/callers/console/approvals/{asked.id}/assign",
        json={"group": "treasury"},
        headers={"person-token": "carol"},
    )

    assert (answer.status_code, answer.json()["title"]) == (403, "OwnTask")


def test_somebody_else_decides_an_anonymous_task(desk: Desk) -> None:
    sent, asked = held(desk, "carol")

    desk.decide(asked, "approve", by="ann")

    assert desk.commit(sent).status == "applied"
    assert desk.problems() == ()


def test_of_a_task_that_nobody_is_known_to_have_asked_for_any_approver_decides(desk: Desk) -> None:
    sent, asked = held(desk, "")

    desk.decide(asked, "approve", by="carol")

    assert desk.commit(sent).status == "applied"


@pytest.mark.parametrize("asked_by", ["carol", ""])
def test_who_asked_is_on_record_with_the_plan_and_left_out_where_nobody_is_known(
    desk: Desk, asked_by: str
) -> None:
    desk.register(task(1), requester="anonymous", asked_by=asked_by)

    with desk.ledger.read() as entry:
        told = select(AuditRow.record).where(AuditRow.kind == "plan-registered")
        body = json.loads(entry.session.scalars(told).one())["body"]
        kept = entry.session.get_one(PlanRow, task(1)).asked_by
    assert kept == asked_by
    assert body.get("asked_by") == (asked_by or None)


def test_a_plan_that_comes_again_with_another_who_asked_is_refused(desk: Desk) -> None:
    first = desk.register(task(1), requester="anonymous", asked_by="carol")

    assert desk.register(task(1), requester="anonymous", asked_by="carol") == first
    for other in ("ann", ""):
        assert "PlanDiffers" in str(
            desk.registering(task(1), 409, requester="anonymous", asked_by=other)
        )


def test_the_checker_sees_a_decision_of_who_asked_for_the_task(desk: Desk) -> None:
    sent, asked = held(desk, "carol")
    desk.decide(asked, "approve", by="ann")
    desk.commit(sent)

    with desk.ledger.write() as entry:
        entry.session.execute(update(DecisionRow).values(person="carol"))

    assert any("by who asked for the task" in says for says in desk.problems())
