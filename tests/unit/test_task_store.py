"""The task store: accepted once, claimed by the right run, legal moves, first verdict, letters."""

from pathlib import Path

import pytest

from quartet.contracts.person import Person
from quartet.contracts.task import SUBTASK_MOVES, TASK_MOVES, Limits
from quartet.resilience.failures import Abandon, Failing, RetryLater
from quartet.service.database import connect
from services.coordinator import views
from services.coordinator.messages import DraftedPlan, Start
from services.coordinator.rows import move_subtask, move_task
from services.coordinator.store import TaskStore
from services.coordinator.tables import SubtaskRow, TaskRow
from tests.unit.coordinator_desk import (
    PACK,
    PLAN,
    READ,
    READ_RESULT,
    RUN,
    SETTLE,
    SETTLE_RESULT,
    START,
    TASK_ID,
    Desk,
    desk,
    review_order,
    task,
    verdict,
)

ADMIN = Person(name="admin", roles=("admin",))

OTHER_RUN = Start(task=TASK_ID, run="f" * 16)


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def test_a_task_is_accepted_once(at: Desk) -> None:
    first = at.store.accept(task(), "/test", "event-1", RUN)
    again = at.store.accept(task(), "/test", "event-1", "other")

    assert first == START
    assert again is None
    assert at.moves("task") == ["submitted"]
    assert at.row().run == RUN


@pytest.mark.parametrize(
    "changed",
    [
        {"goal": "Pay somebody else."},
        {"requester": "anonymous"},
        {"batch": "b"},
        {"limits": Limits(turns=1)},
    ],
)
def test_an_event_id_that_comes_again_with_something_else_is_refused(
    at: Desk, changed: dict[str, object]
) -> None:
    at.accepted()

    with pytest.raises(Abandon) as refused:
        at.store.accept(task().model_copy(update=changed), "/test", "event-1", RUN)

    assert refused.value.failure.title == "EventIdReused"


def test_an_event_id_that_comes_again_from_somebody_else_who_is_anonymous_is_refused(
    at: Desk,
) -> None:
    at.store.accept(task(), "/test", "event-1", RUN, "ada")

    assert at.store.accept(task(), "/test", "event-1", RUN, "ada") is None
    for other in ("bob", ""):
        with pytest.raises(Abandon) as refused:
            at.store.accept(task(), "/test", "event-1", RUN, other)
        assert refused.value.failure.title == "EventIdReused"
    assert at.store.asked_by(TASK_ID) == "ada"


def test_the_run_that_was_started_claims_its_task_as_often_as_it_asks(at: Desk) -> None:
    at.accepted()

    first, again = at.store.claim(START), at.store.claim(START)

    assert first == again
    assert first.task == task()
    assert at.moves("task") == ["submitted", "planning"]


def test_another_run_claims_nothing(at: Desk) -> None:
    at.accepted()

    assert at.store.claim(OTHER_RUN).task is None
    assert not at.row().claimed


def test_an_ended_or_unknown_task_is_not_claimed(at: Desk) -> None:
    assert at.store.claim(START).task is None
    at.accepted().set_row(state="cancelled")

    assert at.store.claim(START).task is None


def test_the_first_valid_plan_stays(at: Desk) -> None:
    at.accepted().store.claim(START)
    other = PLAN.model_copy(update={"subtasks": PLAN.subtasks[:1]})

    kept = at.store.keep_plan(DraftedPlan(start=START, plan=PLAN), PACK)
    again = at.store.keep_plan(DraftedPlan(start=START, plan=other), PACK)

    assert kept == again == (task(), PLAN, ())
    assert at.subtask(SETTLE).app_id == "specialist-finance"


def test_a_plan_that_is_not_registered_yet_is_registered_by_the_next_run(at: Desk) -> None:
    at.accepted().store.claim(START)
    at.store.keep_plan(DraftedPlan(start=START, plan=PLAN), PACK)

    assert at.store.claim(START).plan is None
    at.store.start_running(START)
    assert at.store.claim(START).plan == PLAN


def test_a_superseded_run_changes_nothing(at: Desk) -> None:
    at.running().set_row(run=OTHER_RUN.run)

    for act in (
        lambda: at.store.keep_plan(DraftedPlan(start=START, plan=PLAN), PACK),
        lambda: at.store.start_running(START),
        lambda: at.store.keep_result(START, review_order(READ, READ_RESULT)),
    ):
        with pytest.raises(Abandon) as refused:
            act()
        assert refused.value.failure.title == "Superseded"
    assert at.subtask(READ).state == "working"


def test_an_ended_task_takes_no_late_result(at: Desk) -> None:
    at.running().set_row(state="failed")

    with pytest.raises(Abandon) as refused:
        at.store.keep_result(START, review_order(READ, READ_RESULT))

    assert refused.value.failure.title == "TaskEnded"


def test_the_first_result_of_an_attempt_counts(at: Desk) -> None:
    at.running()
    other = READ_RESULT.model_copy(update={"decision": "credit-note"})

    first = at.store.keep_result(START, review_order(READ, READ_RESULT))
    second = at.store.keep_result(START, review_order(READ, other))

    assert first == second == (review_order(READ, READ_RESULT), False)


def test_the_result_of_a_closed_attempt_is_refused(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT, "revise")

    with pytest.raises(Abandon) as refused:
        at.store.keep_result(START, review_order(READ, READ_RESULT))

    assert refused.value.failure.title == "AttemptClosed"
    at.record(READ, READ_RESULT, attempt=2)
    with pytest.raises(Abandon):
        at.store.keep_result(START, review_order(READ, READ_RESULT))
    assert at.subtask(READ).attempt == 2


def test_the_first_verdict_on_a_proposal_stays(at: Desk) -> None:
    at.running().record(SETTLE, SETTLE_RESULT)

    woken = at.store.keep_verdict(verdict(SETTLE, SETTLE_RESULT, "reject"))
    again = at.store.keep_verdict(verdict(SETTLE, SETTLE_RESULT, "accept"))

    assert woken == again == f"{TASK_ID}.settle.{RUN[:6]}"
    assert at.close(SETTLE).state == "rejected"


def test_a_verdict_on_another_attempt_wakes_nobody(at: Desk) -> None:
    at.running().record(READ, READ_RESULT)

    assert at.store.keep_verdict(verdict(READ, READ_RESULT, attempt=2)) is None


def test_a_verdict_on_an_unknown_subtask_is_refused(at: Desk) -> None:
    with pytest.raises(Abandon) as refused:
        at.store.keep_verdict(verdict(READ, READ_RESULT))

    assert refused.value.failure.title == "UnknownSubtask"


def test_a_stop_is_asked_once_and_the_first_reason_stays(at: Desk) -> None:
    at.accepted()

    assert at.store.ask_stop(TASK_ID, "cancelled: " + "x" * 500)
    assert at.store.ask_stop(TASK_ID, "cancelled: again")
    assert at.row().stop == ("cancelled: " + "x" * 500)[:500]


def test_an_ended_or_unknown_task_can_not_be_stopped(at: Desk) -> None:
    assert not at.store.ask_stop(TASK_ID, "cancelled")
    at.accepted().set_row(state="completed")

    assert not at.store.ask_stop(TASK_ID, "cancelled")


@pytest.mark.parametrize(
    ("before", "after"), [(b, a) for b in TASK_MOVES for a in TASK_MOVES if a not in TASK_MOVES[b]]
)
def test_no_illegal_transition_of_a_task_is_made(at: Desk, before: str, after: str) -> None:
    at.accepted().set_row(state=before)

    with pytest.raises(Abandon) as refused, at.store.transaction() as session:
        move_task(session, session.get_one(TaskRow, TASK_ID), after)  # type: ignore[arg-type]

    assert refused.value.failure.title == "IllegalTransition"
    assert at.row().state == before


@pytest.mark.parametrize("before", list(SUBTASK_MOVES))
def test_only_legal_transitions_of_a_subtask_are_made(tmp_path: Path, before: str) -> None:
    at = desk(tmp_path).running()
    made = []

    for after in SUBTASK_MOVES:
        with at.store.transaction() as session:
            row = session.get_one(SubtaskRow, (TASK_ID, "read"))
            row.state = before  # type: ignore[assignment]
            try:
                move_subtask(session, row, after)
                made.append(after)
            except Abandon as refused:
                assert refused.failure.title == "IllegalTransition"  # noqa: PT017

    assert tuple(made) == tuple(a for a in SUBTASK_MOVES if a in SUBTASK_MOVES[before])  # type: ignore[index]


def test_a_locked_database_is_told_as_try_again_later(tmp_path: Path) -> None:
    at = desk(tmp_path).accepted()

    with at.store.transaction() as session:
        session.get_one(TaskRow, TASK_ID)
        with pytest.raises(Failing) as told:
            _write_impatiently(tmp_path)

    assert isinstance(told.value, RetryLater)
    assert told.value.failure.title == "TaskStoreAway"


def _write_impatiently(folder: Path) -> None:
    engine = connect(f"sqlite:///{folder / 'tasks.db'}?timeout=0")
    raw = engine.raw_connection()
    raw.cursor().execute("PRAGMA busy_timeout=0")
    raw.close()
    with TaskStore(engine).transaction() as session:
        session.get_one(TaskRow, TASK_ID).summary = "never"


def test_reading_waits_for_no_writer(at: Desk) -> None:
    at.accepted()

    with at.store.transaction() as session:
        session.get_one(TaskRow, TASK_ID).summary = "not yet"
        session.flush()
        assert at.row().summary == ""


def test_tasks_are_listed_by_the_state_that_people_see(at: Desk) -> None:
    at.running()
    with at.store.transaction() as session:
        session.get_one(SubtaskRow, (TASK_ID, "settle")).state = "held"

    with at.store.reading() as session:
        waiting = views.task_views(session, views.Wanted(state="waiting"), ADMIN)
        running = views.task_views(session, views.Wanted(state="running"), ADMIN)
        other = views.task_views(session, views.Wanted(batch="batch-x"), ADMIN)

    assert ([v.id for v in waiting], running, other) == ([TASK_ID], [], [])


def test_an_unknown_task_is_told_with_404(at: Desk) -> None:
    with at.store.reading() as session, pytest.raises(Abandon) as refused:
        views.task_view(session, TASK_ID, ADMIN)

    assert refused.value.problem().status == 404
