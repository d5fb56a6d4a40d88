"""Approvals that time, the end of their task, another policy or their tool ends."""

from datetime import timedelta

import pytest

from quartet.contracts.base import Fields
from tests.unit.approvals_desk import desk, held, kinds, payments
from tests.unit.toolbox_desk import (
    Desk,
    invoice,
    master,
    task,
)

__all__ = ["desk"]

WEEK = timedelta(days=7)


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
