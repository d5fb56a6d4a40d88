"""What the sweep takes for lost: works that ended unheard, and steps after which nothing moves."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quartet.contracts.task import SubtaskState
from quartet.contracts.work import WorkStatus
from quartet.durable.client import NOT_BEGUN, STUCK, Status
from quartet.resilience.failures import RetryLater
from services.coordinator.lost import PATIENCE
from services.coordinator.messages import RUN_TASK, instance_of, work_of
from services.coordinator.sweep import QUIET, Sweep
from services.coordinator.tables import DecisionRow, SubtaskRow
from tests.unit.coordinator_desk import (
    READ,
    READ_RESULT,
    RUN,
    SETTLE,
    START,
    TASK_ID,
    Desk,
    desk,
    verdict,
)
from tests.unit.sweep_desk import SECOND, moved, present, sweep

AWAY = RetryLater("It is restarting.", cause="network", title="Unavailable")


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def working(at: Desk, status: Status) -> str:
    """Have the first subtask worked on, and its work be so; return the id of that work."""
    at.running().engine.statuses |= {
        instance_of(START): "live",
        instance_of(START, READ.id): "live",
    }
    at.engine.moved[instance_of(START, READ.id)] = moved(at)
    name = work_of(START, READ.id, 1)
    says(at, name, status)
    return name


def says(at: Desk, name: str, status: Status, moved: datetime | None = None) -> None:
    app_id = at.subtask(SETTLE if f".{SETTLE.id}." in name else READ).app_id
    said = WorkStatus(status=status, moved=moved)
    at.peers.answers[app_id, f"work/{name}"] = lambda _: said


@pytest.mark.parametrize("status", ["ended", "broken", "absent"])
def test_a_task_whose_work_is_over_and_never_came_back_runs_again(at: Desk, status: Status) -> None:
    working(at, status)
    one, begin = sweep(at), moved(at) + QUIET + SECOND

    one.pass_once(begin)
    assert at.row().run == RUN
    one.pass_once(begin + PATIENCE[status] + QUIET)

    assert at.row().run != RUN
    assert at.engine.scheduled == [(RUN_TASK.name, instance_of(present(at)), present(at))]
    assert at.engine.terminated == [instance_of(START)]


def test_a_work_that_comes_back_in_time_or_lives_is_waited_for(at: Desk) -> None:
    name = working(at, "ended")
    one, begin = sweep(at), moved(at) + QUIET + SECOND
    one.pass_once(begin)
    says(at, name, "live")
    one.pass_once(begin + 2 * QUIET)
    says(at, name, "ended")

    one.pass_once(begin + 4 * QUIET)

    assert at.row().run == RUN


def test_a_work_whose_specialist_is_away_is_waited_for(at: Desk) -> None:
    working(at, "ended")
    one, begin = sweep(at), moved(at) + QUIET + SECOND

    for number in range(20):
        at.peers.failures.append(AWAY)
        one.pass_once(begin + number * 2 * QUIET)

    assert at.row().run == RUN


def watched(one: Sweep, begin: datetime, until: datetime) -> None:
    """Have the sweep look every minute, and at the end."""
    now = begin
    while now < until:
        one.pass_once(now)
        now += timedelta(minutes=1)
    one.pass_once(until)


def stuck(at: Desk, one: Sweep, begin: datetime, patience: timedelta = STUCK) -> None:
    """Check that the run is given up once it was watched for so long, and no sooner."""
    run = at.row().run
    watched(one, begin, begin + patience)
    assert at.row().run == run
    one.pass_once(begin + patience + QUIET + SECOND)

    assert at.row().run != run
    assert at.engine.terminated == [instance_of(START)]


def looked(at: Desk) -> datetime:
    return moved(at) + QUIET + SECOND


def test_a_live_task_none_of_whose_subtasks_has_begun_runs_again_when_nothing_moves(
    at: Desk,
) -> None:
    at.running().engine.statuses[instance_of(START)] = "live"

    stuck(at, sweep(at), looked(at))


def test_a_live_run_that_never_claims_its_task_is_replaced(at: Desk) -> None:
    at.accepted().engine.statuses[instance_of(START)] = "live"

    stuck(at, sweep(at), looked(at), STUCK * NOT_BEGUN)


@pytest.mark.parametrize("place", ["task", "subtask", "work"])
def test_a_task_whose_workflow_moves_is_given_time_from_then_on(at: Desk, place: str) -> None:
    at.running().engine.statuses[instance_of(START)] = "live"
    name = {"task": instance_of(START), "subtask": instance_of(START, READ.id), "work": ""}[place]
    if place != "task":
        at.engine.statuses[instance_of(START, READ.id)] = "live"
        says(at, work_of(START, READ.id, 1), "live")
    one, begin = sweep(at), looked(at)
    watched(one, begin, begin + STUCK)

    later = begin + STUCK + SECOND
    at.engine.moved[name] = later
    if place == "work":
        says(at, work_of(START, READ.id, 1), "live", later)

    stuck(at, one, later + QUIET)


def test_a_work_that_lives_and_does_not_move_has_lost_a_turn(at: Desk) -> None:
    working(at, "live")

    stuck(at, sweep(at), looked(at))


def test_a_work_that_nobody_could_look_at_is_not_taken_for_lost_afterwards(at: Desk) -> None:
    working(at, "live")
    one, begin = sweep(at), looked(at)
    watched(one, begin, begin + STUCK / 2)

    back = begin + timedelta(hours=8)
    at.set_row(deadline=back + timedelta(hours=1))

    stuck(at, one, back)


def test_a_subtask_that_is_scheduled_and_never_begins_has_lost_its_start(at: Desk) -> None:
    working(at, "live")
    at.engine.moved.clear()

    stuck(at, sweep(at), looked(at))


def test_a_subtask_that_moves_does_not_hide_one_that_lost_a_step(at: Desk) -> None:
    working(at, "live")
    at.engine.statuses[instance_of(START, SETTLE.id)] = "live"
    says(at, work_of(START, SETTLE.id, 1), "live")
    one, begin = sweep(at), looked(at)
    watched(one, begin, begin + STUCK / 2)
    says(at, work_of(START, SETTLE.id, 1), "live", begin + STUCK / 2)

    watched(one, begin + STUCK / 2, begin + STUCK + QUIET + SECOND)

    assert at.row().run != RUN


def test_a_specialist_that_is_away_hides_no_other_subtask(at: Desk) -> None:
    working(at, "live")
    at.engine.statuses[instance_of(START, SETTLE.id)] = "ended"
    del at.peers.answers[at.subtask(READ).app_id, f"work/{work_of(START, READ.id, 1)}"]

    sweep(at).pass_once(looked(at))

    assert at.row().run != RUN


def test_the_end_of_a_subtask_that_never_arrives_is_missed_beside_one_that_lives(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT)
    begin = looked(at)
    at.engine.statuses |= {instance_of(START): "live", instance_of(START, SETTLE.id): "live"}
    at.engine.moved[instance_of(START)] = begin - timedelta(hours=1)
    one = sweep(at)

    def settles(now: datetime) -> None:
        says(at, work_of(START, SETTLE.id, 1), "live", now)
        one.pass_once(now)

    for minute in range(6):
        settles(begin + timedelta(minutes=minute))
    assert at.row().run == RUN
    settles(begin + STUCK + SECOND)

    assert at.row().run != RUN


def test_an_end_that_has_arrived_and_is_not_recorded_yet_is_waited_for(at: Desk) -> None:
    name = working(at, "ended")
    ended = moved(at)
    says(at, name, "ended", ended)
    at.engine.moved[instance_of(START, READ.id)] = ended + SECOND

    stuck(at, sweep(at), looked(at))


def reviewing(at: Desk) -> None:
    at.running().record(READ, READ_RESULT)
    at.engine.statuses |= {instance_of(START): "live", instance_of(START, READ.id): "live"}


def test_a_verdict_that_nobody_acts_on_has_lost_a_step_however_often_it_is_told(at: Desk) -> None:
    reviewing(at)
    at.store.keep_verdict(verdict(READ, READ_RESULT))
    one, begin = sweep(at), looked(at)
    watched(one, begin, begin + STUCK)
    assert at.row().run == RUN
    at.engine.moved[instance_of(START, READ.id)] = begin + STUCK

    one.pass_once(begin + STUCK + QUIET + SECOND)

    assert at.row().run != RUN


def test_a_commit_that_does_not_move_has_lost_a_step(at: Desk) -> None:
    reviewing(at)
    with at.store.transaction() as session:
        session.get_one(SubtaskRow, (TASK_ID, READ.id)).state = "committing"

    stuck(at, sweep(at), looked(at))


def test_a_decision_that_nobody_acts_on_has_lost_a_step(at: Desk) -> None:
    reviewing(at)
    begin = looked(at)
    with at.store.transaction() as session:
        session.get_one(SubtaskRow, (TASK_ID, READ.id)).state = "held"
        session.add(
            DecisionRow(task=TASK_ID, slot=1, subtask=READ.id, approval=1, woken=9, wake_at=begin)
        )

    stuck(at, sweep(at), begin)


def test_its_next_run_is_given_twice_as_long(at: Desk) -> None:
    at.running().engine.statuses[instance_of(START)] = "live"
    one = sweep(at)
    stuck(at, one, looked(at))
    at.set_row(claimed=True)
    at.engine.terminated.clear()
    again, begin = at.row().run, looked(at)

    watched(one, begin, begin + 2 * STUCK)
    assert at.row().run == again
    one.pass_once(begin + 2 * STUCK + QUIET + SECOND)

    assert at.row().run != again


@pytest.mark.parametrize("state", ["reviewing", "held"])
def test_a_task_that_waits_for_its_review_or_for_people_is_never_stuck(
    at: Desk, state: SubtaskState
) -> None:
    reviewing(at)
    at.set_row(deadline=None)
    with at.store.transaction() as session:
        session.get_one(SubtaskRow, (TASK_ID, READ.id)).state = state
    begin = looked(at)

    watched(sweep(at), begin, begin + timedelta(hours=3))

    assert at.row().run == RUN


def test_the_next_attempt_is_not_taken_for_the_one_before(at: Desk) -> None:
    working(at, "ended")
    one, begin = sweep(at), moved(at) + QUIET + SECOND
    one.pass_once(begin)
    at.judged(READ, READ_RESULT, "revise")
    says(at, work_of(START, READ.id, 2), "live")

    one.pass_once(moved(at) + 4 * QUIET)

    assert at.row().run == RUN
