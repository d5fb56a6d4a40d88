"""Decisions of people in the coordinator: what wakes a subtask, and where each one takes it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import BaseModel
from sqlalchemy import text

from quartet.contracts.approval import ApprovalDecided, ApprovalState, Decisions, NumberedDecision
from quartet.contracts.effect import Commit, EffectStatus, Outcome
from quartet.contracts.person import Person
from quartet.contracts.plan import Plan, Slot
from quartet.contracts.task import Limits
from quartet.contracts.work import Proposal, WorkResult
from quartet.resilience.failures import RetryChanged, RetryLater
from services.coordinator import views
from services.coordinator.decisions import LOOK_EVERY, WAKE_AGAIN, Wakings
from services.coordinator.lost import Lost
from services.coordinator.sweep import Sweep
from services.coordinator.tables import CursorRow, DecisionRow
from tests.unit.coordinator_desk import (
    READ,
    RUN,
    SETTLE,
    SETTLE_RESULT,
    TASK_ID,
    Desk,
    committing,
    desk,
)

ADMIN = Person(name="admin", roles=("admin",))

INSTANCE = f"{TASK_ID}.settle.{RUN[:6]}"
AWAY = RetryLater("It is restarting.", cause="network", title="Unavailable")
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def held(at: Desk, attempt: int = 1) -> Desk:
    """Bring the subtask to where it waits for a person."""
    at.peers.answers["toolbox", "commit"] = committing("held")
    assert at.judged(SETTLE, SETTLE_RESULT, attempt=attempt).state == "held"
    return at


def decided(state: ApprovalState = "approved", attempt: int = 1, slot: int = 1) -> ApprovalDecided:
    return ApprovalDecided(
        approval=7, task=TASK_ID, subtask="settle", attempt=attempt, slot=slot, state=state
    )


def wakings(at: Desk, *told: ApprovalDecided) -> Wakings:
    """Wakings beside a toolbox that has these decisions."""
    numbered = tuple(NumberedDecision(number=n, decided=d) for n, d in enumerate(told, 1))

    def after(number: int) -> Callable[[BaseModel | None], Decisions]:
        return lambda _: Decisions(decisions=tuple(d for d in numbered if d.number > number))

    for number in range(len(told) + 1):
        at.peers.answers["toolbox", f"decisions/{number}"] = after(number)
    return Wakings(at.store, at.engine, at.peers)


def came_to(status: EffectStatus, guidance: str = "") -> dict[int, Outcome]:
    digest = "sha256:" + "0" * 64
    outcome = Outcome(
        task=TASK_ID,
        slot=1,
        tool="hold_invoice",
        status=status,
        says=f"{status} it",
        proposal_digest=digest,
        call_digest=digest,
        guidance=guidance,
    )
    return {1: outcome}


def answer(at: Desk, outcomes: dict[int, Outcome]) -> None:
    """Have each slot's commit come to this."""

    def commit(sent: BaseModel | None) -> Outcome:
        assert isinstance(sent, Commit)
        return outcomes[sent.slot]

    at.peers.answers["toolbox", "commit"] = commit


def noted(at: Desk) -> int:
    with at.store.reading() as session:
        return session.query(DecisionRow).count()


def test_a_decision_that_is_heard_wakes_who_waits_for_it(at: Desk) -> None:
    held(at.running())

    wakings(at).hear(decided())

    assert at.engine.woken == [(INSTANCE, "decided-1")]


@pytest.mark.parametrize(
    "stale",
    [
        decided(attempt=2),
        decided().model_copy(update={"subtask": "read"}),
        decided().model_copy(update={"subtask": "nothing"}),
        decided().model_copy(update={"task": "t-" + "9" * 24}),
    ],
)
def test_a_decision_that_nobody_waits_for_wakes_nobody(at: Desk, stale: ApprovalDecided) -> None:
    held(at.running())

    wakings(at).hear(stale)

    assert at.engine.woken == []
    assert noted(at) == 0


def test_a_decision_heard_twice_wakes_once_at_a_time(at: Desk) -> None:
    held(at.running())
    waking = wakings(at)

    waking.hear(decided())
    waking.hear(decided())

    assert len(at.engine.woken) == 1


def test_a_decision_that_no_event_told_is_read_by_the_sweep(at: Desk) -> None:
    held(at.running())
    waking = wakings(at, decided())
    sweep = Sweep(
        at.store,
        at.engine,
        at.outbox,
        at.steps.finish_task,
        Lost(at.store, at.engine, at.peers),
        more=(waking.read_decisions, waking.wake_decided),
    )

    sweep.pass_once(NOW)

    assert at.engine.woken == [(INSTANCE, "decided-1")]
    with at.store.reading() as session:
        assert session.get_one(CursorRow, "decisions").number == 1


def test_what_was_read_is_not_read_again_and_not_too_often(at: Desk) -> None:
    held(at.running())
    waking = wakings(at, decided())

    for moment in (NOW, NOW + LOOK_EVERY / 2, NOW + LOOK_EVERY):
        waking.read_decisions(moment)

    asked = [path for app, path, _ in at.peers.calls if app == "toolbox" and "decisions" in path]
    assert asked == ["decisions/0", "decisions/1"]


def test_who_sleeps_on_is_woken_again_until_it_has_gone_on(at: Desk) -> None:
    held(at.running())
    waking = wakings(at, decided())
    waking.read_decisions(NOW)
    at.engine.broken[INSTANCE] = AWAY
    waking.wake_decided(NOW)
    del at.engine.broken[INSTANCE]

    waking.wake_decided(NOW + WAKE_AGAIN / 2)
    waking.wake_decided(NOW + WAKE_AGAIN)
    assert at.engine.woken == [(INSTANCE, "decided-1")]
    answer(at, came_to("applied"))
    assert at.close(SETTLE).state == "done"
    waking.wake_decided(NOW + 10 * MINUTE)

    assert len(at.engine.woken) == 1
    assert noted(at) == 0


def test_a_decision_made_before_the_coordinator_knew_of_the_question_is_not_lost(
    at: Desk,
) -> None:
    waking = wakings(at, decided())

    def commit(sent: BaseModel | None) -> Outcome:
        waking.read_decisions(NOW)
        waking.wake_decided(NOW)
        assert at.engine.woken == []
        return committing("held")(sent)

    at.running().peers.answers["toolbox", "commit"] = commit
    assert at.judged(SETTLE, SETTLE_RESULT).state == "held"
    # It came after the question was put, and is kept until it has been acted on.
    waking.wake_decided(NOW)

    assert at.engine.woken == [(INSTANCE, "decided-1")]


def test_a_decision_on_what_is_asked_anew_is_forgotten_and_the_new_one_wakes(at: Desk) -> None:
    held(at.running())
    waking = wakings(at)
    waking.hear(decided())
    assert at.close(SETTLE).state == "held"
    assert noted(at) == 0

    waking.hear(decided().model_copy(update={"approval": 8}))

    assert noted(at) == 1
    assert len(at.engine.woken) == 2


def test_a_decision_on_an_attempt_that_is_over_is_forgotten(at: Desk) -> None:
    held(at.running())
    wakings(at).hear(decided())
    changed = RetryChanged("Its account has changed.", cause="data", title="VendorChanged")
    at.peers.failures.append(changed)

    assert at.close(SETTLE).state == "working"

    assert noted(at) == 0


def test_a_toolbox_that_is_away_costs_time_and_nothing_else(at: Desk) -> None:
    held(at.running())
    waking = wakings(at, decided())
    at.peers.failures.append(AWAY)
    with pytest.raises(RetryLater):
        waking.read_decisions(NOW)

    waking.read_decisions(NOW + LOOK_EVERY)
    waking.wake_decided(NOW + LOOK_EVERY)

    assert at.engine.woken == [(INSTANCE, "decided-1")]


@pytest.mark.parametrize("status", ["rejected", "expired"])
def test_what_a_person_rejects_is_no_failure_and_the_clock_goes_on(
    at: Desk, status: EffectStatus
) -> None:
    held(at.running())
    answer(at, came_to(status))

    closed = at.close(SETTLE)

    assert (closed.state, closed.failure) == ("rejected", None)
    assert closed == at.close(SETTLE)
    assert [o.status for o in closed.outcomes] == [status]
    assert at.row().deadline is not None
    assert at.moves("settle")[-3:] == ["held", "committing", "rejected"]


def test_guidance_takes_the_subtask_back_as_another_attempt(at: Desk) -> None:
    held(at.running())
    answer(at, came_to("rejected", "Hold it instead."))

    closed = at.close(SETTLE)

    assert (closed.state, closed.feedback) == ("working", "Hold it instead.")
    assert closed == at.close(SETTLE)
    assert at.row().deadline is not None
    held(at, attempt=2)


def test_guidance_is_bounded_by_the_attempts(at: Desk) -> None:
    held(at.running(limits=Limits(attempts=1)))
    answer(at, came_to("rejected", "Hold it instead."))

    closed = at.close(SETTLE)

    assert (closed.state, closed.failure) == ("rejected", None)
    with at.store.reading() as session:
        history = views.task_view(session, TASK_ID, ADMIN).history
    assert history[-1].why.startswith("no attempt is left for the guidance; rejected it")


def test_what_was_done_stays_where_something_else_is_rejected(at: Desk) -> None:
    both = (Slot(number=1, tools=("hold_invoice",)), Slot(number=2, tools=("hold_invoice",)))
    settle = SETTLE.model_copy(update={"slots": both})
    at.running(Plan(subtasks=(READ, settle)))
    one, other = (
        Proposal(slot=n, tool="hold_invoice", arguments={"reason": "no order"}) for n in (1, 2)
    )
    result = WorkResult(decision="hold", proposals=(one, other))
    rejected = came_to("rejected", "Ask instead.")[1].model_copy(update={"slot": 2})
    answer(at, came_to("applied") | {2: rejected})

    closed = at.judged(settle, result)

    assert (closed.state, [o.status for o in closed.outcomes]) == ("done", ["applied", "rejected"])


def test_of_two_held_slots_the_one_that_is_decided_wakes_only_once(at: Desk) -> None:
    both = (Slot(number=1, tools=("hold_invoice",)), Slot(number=2, tools=("hold_invoice",)))
    settle = SETTLE.model_copy(update={"slots": both})
    at.running(Plan(subtasks=(READ, settle)))
    proposals = tuple(
        Proposal(slot=n, tool="hold_invoice", arguments={"reason": "no order"}) for n in (1, 2)
    )
    second = came_to("held")[1].model_copy(update={"slot": 2})
    answer(at, came_to("held") | {2: second})
    at.judged(settle, WorkResult(decision="hold", proposals=proposals))
    waking = wakings(at, decided())
    waking.read_decisions(NOW)
    waking.wake_decided(NOW)

    answer(at, came_to("applied") | {2: second})
    assert at.close(settle).state == "held"
    waking.wake_decided(NOW + 10 * MINUTE)

    assert len(at.engine.woken) == 1


def test_waiting_tasks_are_found_by_an_index(at: Desk) -> None:
    held(at.running())

    with at.store.reading() as session:
        (found,) = views.task_views(session, views.Wanted(state="waiting"), ADMIN)
        query = str(
            views.listing(views.Wanted(state="waiting")).compile(
                compile_kwargs={"literal_binds": True}
            )
        )
        plan = [row[-1] for row in session.execute(text(f"EXPLAIN QUERY PLAN {query}"))]

    assert found.shown == "waiting"
    assert any("ix_subtasks_state" in step for step in plan), plan
    assert not any("SCAN tasks" in step for step in plan), plan
