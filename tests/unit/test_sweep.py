"""The sweep, with time as an argument: what it starts, revives, repeats, stops and leaves alone."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from quartet.contracts.audit import Act
from quartet.contracts.task import Limits
from quartet.durable.client import Status
from quartet.resilience.failures import RetryLater
from services.coordinator.activities import event_id
from services.coordinator.messages import RUN_TASK, Start, instance_of
from services.coordinator.store import TaskStore
from services.coordinator.sweep import LEASE, MAX_RUNS, QUIET, UNCLAIMED
from services.coordinator.tables import SubtaskRow, TaskRow
from tests.unit.coordinator_desk import (
    READ,
    READ_RESULT,
    RUN,
    SETTLE,
    SETTLE_RESULT,
    START,
    TASK_ID,
    Desk,
    committing,
    desk,
    review_order,
    task,
    verdict,
)
from tests.unit.sweep_desk import SECOND, moved, present, sweep

AWAY = RetryLater("It is restarting.", cause="network", title="Unavailable")
COMPLETED = event_id(review_order(READ, READ_RESULT))


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def test_a_task_that_was_never_claimed_is_started(at: Desk) -> None:
    at.accepted()

    sweep(at).pass_once(moved(at) + UNCLAIMED - SECOND)
    assert at.engine.scheduled == []
    sweep(at).pass_once(moved(at) + UNCLAIMED + SECOND)

    assert at.engine.scheduled == [(RUN_TASK.name, instance_of(START), START)]


def test_a_task_whose_workflow_lives_unclaimed_is_not_started_twice(at: Desk) -> None:
    at.accepted().engine.statuses[instance_of(START)] = "live"

    sweep(at).pass_once(moved(at) + UNCLAIMED + SECOND)

    assert at.engine.scheduled == []


def test_a_claimed_task_with_a_live_workflow_is_left_alone(at: Desk) -> None:
    at.running().engine.statuses[instance_of(START)] = "live"

    sweep(at).pass_once(moved(at) + QUIET + SECOND)

    assert at.row().run == RUN
    assert at.engine.scheduled == []


@pytest.mark.parametrize("status", ["absent", "ended"])
def test_a_claimed_task_without_a_live_workflow_runs_again_under_a_new_nonce(
    at: Desk, status: str
) -> None:
    at.running().engine.statuses[instance_of(START)] = status  # type: ignore[assignment]

    sweep(at).pass_once(moved(at) + QUIET + SECOND)

    assert at.row().run != RUN
    assert not at.row().claimed
    assert at.engine.scheduled == [(RUN_TASK.name, instance_of(present(at)), present(at))]
    assert at.store.claim(START).task is None
    assert at.store.claim(present(at)).task == task()


def test_a_task_that_moved_lately_is_not_looked_up(at: Desk) -> None:
    at.running()

    sweep(at).pass_once(moved(at) + QUIET - SECOND)

    assert at.row().run == RUN


def test_an_ended_task_is_never_revived(at: Desk) -> None:
    at.running().finish(summary="Done.")

    sweep(at).pass_once(moved(at) + timedelta(days=1))

    assert at.engine.scheduled == []


def test_a_task_whose_runs_all_end_without_one_is_ended(at: Desk) -> None:
    at.running()

    for _ in range(MAX_RUNS + 1):
        at.set_row(claimed=True)
        at.engine.statuses.clear()
        sweep(at).pass_once(moved(at) + QUIET + SECOND)

    assert at.row().runs == MAX_RUNS
    assert at.row().state == "failed"
    assert "TooManyRuns" in str(at.row().failure)


def test_a_lost_start_is_made_up_for_by_the_next_pass(at: Desk) -> None:
    at.accepted().engine.broken[instance_of(START)] = AWAY
    sweep(at).pass_once(moved(at) + UNCLAIMED + SECOND)
    at.engine.broken.clear()

    sweep(at).pass_once(moved(at) + UNCLAIMED + SECOND)

    assert len(at.engine.scheduled) == 1


def test_a_task_that_fails_in_a_pass_keeps_no_other_from_its_turn(at: Desk) -> None:
    other = Start(task="t-" + "2" * 24, run=RUN)
    at.accepted().store.accept(task(other.task), "/test", "event-2", RUN)
    at.engine.broken[instance_of(START)] = AWAY

    sweep(at).pass_once(moved(at) + UNCLAIMED + SECOND)

    assert [instance for _, instance, _ in at.engine.scheduled] == [instance_of(other)]


def test_a_result_without_a_verdict_is_published_again_after_30_s_then_1_2_4_4_minutes(
    at: Desk,
) -> None:
    at.running().record(READ, READ_RESULT)
    at.engine.statuses[instance_of(START)] = "live"
    at.outbox.published.clear()
    begun = _publish_at(at.store) - timedelta(seconds=30)
    again = []

    for second in range(0, 1000, 10):
        before = len(at.outbox.published)
        sweep(at).pass_once(begun + timedelta(seconds=second + 1))
        again += [second] if len(at.outbox.published) > before else []

    assert set(at.outbox.on("subtask-completed")) == {COMPLETED}
    waits = [b - a for a, b in zip([0, *again], again, strict=False)]
    assert [wait // 30 * 30 for wait in waits] == [30, 60, 120, 240, 240, 240]


def test_a_verdict_that_woke_nobody_wakes_within_seconds(at: Desk) -> None:
    at.running().record(READ, READ_RESULT)
    at.store.keep_verdict(verdict(READ, READ_RESULT))
    at.outbox.published.clear()

    sweep(at).pass_once(_publish_at(at.store) + SECOND)

    assert at.engine.woken == [(f"{TASK_ID}.read.{RUN[:6]}", "reviewed-1")]
    assert at.outbox.on("subtask-completed") == []


def test_what_is_reviewed_is_not_published_again(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT)
    at.outbox.published.clear()

    sweep(at).pass_once(moved(at) + timedelta(minutes=30))

    assert at.outbox.published == []


def test_a_task_past_its_deadline_is_terminated_and_ended(at: Desk) -> None:
    at.running(limits=Limits(deadline_s=60))

    sweep(at).pass_once(at.row().created + timedelta(seconds=59))
    assert at.row().state == "running"
    sweep(at).pass_once(at.row().created + timedelta(seconds=61))

    assert at.row().state == "failed"
    assert "DeadlineExceeded" in str(at.row().failure)
    assert instance_of(present(at)) in at.engine.terminated
    assert at.outbox.on("task-failed") == [f"{TASK_ID}.failed"]


def test_a_task_asked_to_stop_is_cancelled(at: Desk) -> None:
    at.running().store.ask_stop(TASK_ID, "cancelled: typed wrong")

    sweep(at).pass_once(moved(at))

    assert at.row().state == "cancelled"
    assert at.states() == {"read": "dropped", "settle": "dropped"}


def test_a_task_that_nobody_claimed_can_be_cancelled(at: Desk) -> None:
    at.accepted().store.ask_stop(TASK_ID, "cancelled: now")

    sweep(at).pass_once(moved(at))

    assert at.row().state == "cancelled"


def test_a_held_task_has_no_deadline_and_can_be_cancelled(at: Desk) -> None:
    at.running().peers.answers["toolbox", "commit"] = committing("held")
    at.judged(SETTLE, SETTLE_RESULT)
    at.engine.statuses[instance_of(START)] = "live"

    sweep(at).pass_once(moved(at) + timedelta(days=7))
    assert at.row().state == "running"
    at.store.ask_stop(TASK_ID, "cancelled: it took too long")
    sweep(at).pass_once(moved(at) + timedelta(days=7, seconds=1))

    assert at.row().state == "cancelled"


def test_a_stop_whose_compensation_got_no_answer_is_tried_again(at: Desk) -> None:
    at.running().peers.failures.append(AWAY)
    at.store.ask_stop(TASK_ID, "cancelled: now")

    sweep(at).pass_once(moved(at))
    assert at.row().state == "compensating"
    sweep(at).pass_once(moved(at))

    assert at.row().state == "cancelled"


def test_an_end_that_could_not_be_told_is_told_by_a_later_pass(at: Desk) -> None:
    at.running().store.ask_stop(TASK_ID, "cancelled: now")
    at.outbox.failure = AWAY
    sweep(at).pass_once(moved(at))
    assert (at.row().state, at.outbox.on("task-cancelled")) == ("cancelled", [])
    at.outbox.failure = None

    sweep(at).pass_once(moved(at) + SECOND)
    sweep(at).pass_once(moved(at) + 2 * SECOND)

    assert at.outbox.on("task-cancelled") == [f"{TASK_ID}.cancelled"]


def test_only_the_owner_of_the_lease_sweeps(at: Desk) -> None:
    at.accepted()
    begin = moved(at)
    sweep(at, "first").pass_once(begin)

    sweep(at, "second").pass_once(begin + UNCLAIMED + SECOND)
    assert at.engine.scheduled == []
    sweep(at, "first").pass_once(begin + UNCLAIMED + SECOND)

    assert len(at.engine.scheduled) == 1


def test_a_lease_that_ran_out_goes_to_another_owner_and_back_no_sooner(at: Desk) -> None:
    at.accepted()
    begin = moved(at)
    sweep(at, "first").pass_once(begin)

    sweep(at, "second").pass_once(begin + LEASE + SECOND)
    assert len(at.engine.scheduled) == 1
    at.engine.statuses.clear()
    sweep(at, "first").pass_once(begin + LEASE + UNCLAIMED + 3 * SECOND)

    assert len(at.engine.scheduled) == 1


def test_an_owner_keeps_its_lease_as_long_as_it_sweeps(at: Desk) -> None:
    begin = moved(at.accepted())

    for second in range(0, 60, 2):
        sweep(at, "first").pass_once(begin + second * SECOND)
        sweep(at, "second").pass_once(begin + (second + 1) * SECOND)

    at.engine.scheduled.clear()
    sweep(at, "second").pass_once(begin + 70 * SECOND - LEASE)
    assert at.engine.scheduled == []


def _publish_at(store: TaskStore) -> datetime:
    with store.reading() as session:
        query = select(SubtaskRow.publish_at).where(SubtaskRow.publish_at.is_not(None))
        (moment,) = session.scalars(query).all()
    assert moment is not None
    return moment


def test_many_tasks_are_all_started_in_turn(at: Desk) -> None:
    for n in range(150):
        at.store.accept(task(f"t-{n:024x}"), "/test", f"event-{n}", RUN)
    with at.store.reading() as session:
        newest = max(session.scalars(select(TaskRow.checked)))

    sweep(at).pass_once(newest + UNCLAIMED + SECOND)
    sweep(at).pass_once(newest + UNCLAIMED + 2 * SECOND)

    assert len({instance for _, instance, _ in at.engine.scheduled}) == 150


@pytest.mark.parametrize("status", ["broken", "ended"])
@pytest.mark.parametrize("instance", [instance_of(START), instance_of(START, READ.id)])
def test_a_run_with_a_changed_history_is_replaced_and_that_is_on_record(
    at: Desk, instance: str, status: Status
) -> None:
    at.running().record(READ, READ_RESULT)
    for one in (instance_of(START), instance_of(START, READ.id)):
        at.engine.statuses[one] = status if one == instance else "live"
    told: list[Act] = []
    first = sweep(at)
    first.record = told.append

    first.pass_once(moved(at) + QUIET + SECOND)

    assert at.row().run != RUN
    assert [(act.kind, act.task) for act in told] == [("task-run-replaced", TASK_ID)]
