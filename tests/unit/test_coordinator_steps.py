"""The coordinator's steps, each run twice: what they store, call and publish; no workflow runs."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from quartet.contracts.audit import Act
from quartet.contracts.effect import Commit, Registration, Undo
from quartet.contracts.event import TaskEnded
from quartet.contracts.plan import Plan
from quartet.contracts.task import Limits
from quartet.contracts.work import WorkResult
from quartet.resilience.failures import Abandon, Failing, RetryChanged, RetryLater
from quartet.trust.chain import check, plan_statement
from quartet.trust.signing import NotGenuine
from services.coordinator.messages import Closing, Finish, Start
from services.coordinator.tables import SubtaskRow
from tests.unit.coordinator_desk import (
    PLAN,
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
    done,
    task,
    verdict,
)

AWAY = RetryLater("The toolbox is restarting.", cause="network", title="Unavailable")
LOST = RetryChanged("The conversation is gone.", cause="data", title="ConversationLost")
BROKEN = Abandon("It can not be done.", cause="tool", title="Broken")
SETTLED = f"{TASK_ID}.settle.{RUN[:6]}"
READING = f"{TASK_ID}.read.{RUN[:6]}"


@pytest.fixture
def at(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def test_a_claim_made_twice_gives_the_same(at: Desk) -> None:
    at.accepted()

    assert at.steps.claim_task(START) == at.steps.claim_task(START)


def test_a_plan_is_registered_and_published_and_a_second_time_changes_nothing(at: Desk) -> None:
    at.accepted().steps.claim_task(START)

    first, again = at.register(), at.register()

    assert first == again
    assert not first.refused
    assert at.moves("task") == ["submitted", "planning", "running"]
    assert set(at.outbox.on("task-planned")) == {f"{TASK_ID}.planned"}
    registered = at.peers.sent_to("toolbox", "plans")
    assert registered[0] == registered[1]


@pytest.mark.parametrize("asked_by", ["alice", ""])
def test_who_asked_for_an_anonymous_task_is_on_record_and_signed_with_its_plan(
    at: Desk, asked_by: str
) -> None:
    at.store.accept(task(), "/test", "event-1", RUN, asked_by)
    at.steps.claim_task(START)

    at.register()

    (act,) = at.peers.sent_to("toolbox", "record")
    (sent,) = at.peers.sent_to("toolbox", "plans")
    assert isinstance(act, Act)
    assert isinstance(sent, Registration)
    assert act.body.get("asked_by", "") == sent.asked_by == asked_by
    assert ("asked_by" in sent.model_dump(mode="json")) == bool(asked_by)
    check(at.keyring, sent.signature, plan_statement(sent), "coordinator")
    forged = plan_statement(sent.model_copy(update={"asked_by": "bob"}))
    with pytest.raises(NotGenuine):
        check(at.keyring, sent.signature, forged, "coordinator")


def test_a_refused_plan_leaves_no_trace(at: Desk) -> None:
    at.accepted().steps.claim_task(START)
    cyclic = READ.model_copy(update={"depends_on": ("read",)})

    refused = at.register(Plan(subtasks=(cyclic,))).refused

    assert "cycle" in refused[0].says
    assert at.peers.sent_to("toolbox", "plans") == []
    assert at.row().plan is None


def test_a_plan_kept_while_the_toolbox_was_away_is_the_one_registered_later(at: Desk) -> None:
    at.accepted().steps.claim_task(START)
    at.peers.failures.append(AWAY)
    with pytest.raises(RetryLater):
        at.register()

    at.register(Plan(subtasks=(READ,)))

    _, sent = at.peers.sent_to("toolbox", "plans")
    assert sent is not None
    assert sent.model_dump()["plan"] == PLAN.model_dump()


def test_a_result_recorded_twice_is_one_result_under_one_event_id(at: Desk) -> None:
    at.running()

    first, again = at.record(READ, READ_RESULT), at.record(READ, READ_RESULT)

    assert first == again
    assert len(set(at.outbox.on("subtask-completed"))) == 1
    assert at.moves("read") == ["reviewing"]


def test_a_result_recorded_again_after_its_verdict_says_so(at: Desk) -> None:
    at.running().record(READ, READ_RESULT)
    at.store.keep_verdict(verdict(READ, READ_RESULT))

    assert at.record(READ, READ_RESULT).reviewed


def test_without_a_verdict_a_subtask_stays_in_review(at: Desk) -> None:
    at.running().record(READ, READ_RESULT)

    assert at.close(READ).state == at.close(READ).state == "reviewing"


def test_an_accepted_result_without_proposals_is_done(at: Desk) -> None:
    closed = at.running().judged(READ, READ_RESULT)

    assert closed == at.close(READ)
    assert (closed.state, closed.decision, closed.values) == ("done", "invoice", READ_RESULT.values)
    assert at.moves("read") == ["reviewing", "done"]


def test_an_accepted_proposal_is_committed_with_its_verdict(at: Desk) -> None:
    closed = at.running().judged(SETTLE, SETTLE_RESULT)

    assert closed == at.close(SETTLE)
    assert closed.state == "done"
    assert [o.status for o in closed.outcomes] == ["applied"]
    (sent,) = at.peers.sent_to("toolbox", "commit")
    assert isinstance(sent, Commit)
    assert sent.verdict == verdict(SETTLE, SETTLE_RESULT)
    assert at.moves("settle") == ["reviewing", "committing", "done"]


def test_a_commit_that_got_no_answer_is_sent_again_as_it_was(at: Desk) -> None:
    at.running()
    at.peers.failures.append(AWAY)
    with pytest.raises(RetryLater):
        at.judged(SETTLE, SETTLE_RESULT)
    assert at.states()["settle"] == "committing"

    assert at.close(SETTLE).state == "done"

    first, again = at.peers.sent_to("toolbox", "commit")
    assert first == again


def test_a_refused_commit_fails_the_subtask(at: Desk) -> None:
    at.running().peers.failures.append(BROKEN)

    closed = at.judged(SETTLE, SETTLE_RESULT)

    assert closed == at.close(SETTLE)
    assert (closed.state, closed.failure) == ("failed", BROKEN.failure)


def test_a_commit_that_needs_other_arguments_reopens_the_subtask(at: Desk) -> None:
    at.running().peers.failures.append(LOST)

    closed = at.judged(SETTLE, SETTLE_RESULT)

    assert closed == at.close(SETTLE)
    assert (closed.state, closed.feedback) == ("working", LOST.failure.detail)


def test_a_revised_subtask_works_again_with_the_reasons(at: Desk) -> None:
    closed = at.running().judged(SETTLE, SETTLE_RESULT, "revise")

    again = at.close(SETTLE)

    assert closed == again
    assert (closed.state, closed.feedback) == ("working", "It says revise.")
    assert at.moves("settle") == ["reviewing", "working"]
    assert at.judged(SETTLE, SETTLE_RESULT, attempt=2).state == "done"


def test_a_late_second_run_of_an_old_close_changes_nothing(at: Desk) -> None:
    at.running().judged(SETTLE, SETTLE_RESULT, "revise")
    at.record(SETTLE, SETTLE_RESULT, attempt=2)

    at.close(SETTLE, attempt=1, failure=BROKEN)

    assert at.subtask(SETTLE).attempt == 2
    assert at.states()["settle"] == "reviewing"


def test_a_rejected_subtask_ends_with_the_reasons(at: Desk) -> None:
    closed = at.running().judged(SETTLE, SETTLE_RESULT, "reject")

    assert closed == at.close(SETTLE)
    assert closed.state == "rejected"
    assert closed.failure is not None
    assert (closed.failure.title, closed.failure.cause) == ("SubtaskRejected", "policy")
    assert "It says reject." in closed.failure.detail


def test_an_accepted_decision_that_fails_by_the_pack_ends_the_subtask(at: Desk) -> None:
    unreadable = WorkResult(decision="unreadable", summary="Not well-formed at line 3.")

    closed = at.running().judged(READ, unreadable)

    assert closed == at.close(READ)
    assert closed.failure is not None
    assert closed.failure.title == "SubtaskUnreadable"
    assert closed.failure.detail == unreadable.summary


def test_attempts_are_exhausted(at: Desk) -> None:
    at.running(limits=Limits(attempts=2)).judged(SETTLE, SETTLE_RESULT, "revise")

    closed = at.judged(SETTLE, SETTLE_RESULT, "revise", attempt=2)

    assert closed == at.close(SETTLE, attempt=2)
    assert closed.state == "failed"
    assert closed.failure is not None
    assert closed.failure.title == "CriticNotSatisfied"


def test_work_that_failed_before_any_result_counts_as_an_attempt(at: Desk) -> None:
    at.running(limits=Limits(attempts=2))

    first, again = at.close(READ, 1, LOST), at.close(READ, 1, LOST)

    assert first == again
    assert (first.state, first.feedback) == ("working", LOST.failure.detail)
    assert at.subtask(READ).attempt == 1
    assert at.close(READ, 2, LOST).state == "failed"


def test_work_that_no_repeat_helps_fails_at_once(at: Desk) -> None:
    closed = at.running().close(READ, failure=BROKEN)

    assert closed == at.close(READ, failure=BROKEN)
    assert (closed.state, closed.failure) == ("failed", BROKEN.failure)


def test_a_held_commit_waits_and_stops_the_clock(at: Desk) -> None:
    at.running().peers.answers["toolbox", "commit"] = committing("held")

    closed = at.judged(SETTLE, SETTLE_RESULT)
    again = at.close(SETTLE)

    assert (closed.state, again.state) == ("held", "held")
    assert at.row().deadline is None
    assert 3000 < at.row().left_s <= 3600


def test_after_a_decision_the_held_subtask_ends_and_the_clock_goes_on(at: Desk) -> None:
    at.running().peers.answers["toolbox", "commit"] = committing("held")
    at.judged(SETTLE, SETTLE_RESULT)
    at.peers.answers["toolbox", "commit"] = committing("applied")

    closed = at.close(SETTLE)

    assert closed.state == "done"
    deadline = at.row().deadline
    assert deadline is not None
    assert deadline - at.row().created < timedelta(seconds=3700)


def test_the_next_run_goes_on_where_the_last_one_was(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT)
    at.record(SETTLE, SETTLE_RESULT)

    claimed = at.store.claim(START)

    assert claimed.plan == PLAN
    assert [(c.subtask, c.state) for c in claimed.closed] == [("read", "done")]
    (opened,) = claimed.opened
    assert (opened.subtask, opened.attempt, opened.worked) == (
        "settle",
        1,
        done(SETTLE, SETTLE_RESULT),
    )


def test_the_next_run_takes_the_attempt_after_a_closed_one(at: Desk) -> None:
    at.running().judged(SETTLE, SETTLE_RESULT, "revise")

    (opened,) = at.store.claim(START).opened

    assert (opened.attempt, opened.feedback, opened.worked) == (2, "It says revise.", None)


def test_a_task_ends_completed_and_tells_it_each_time_under_one_id(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT)
    at.judged(SETTLE, SETTLE_RESULT)

    first, again = at.finish(summary="Held one."), at.finish(summary="Held one.")

    assert first == again
    assert at.moves("task")[-1] == "completed"
    assert at.outbox.on("task-completed") == [f"{TASK_ID}.completed"] * 2
    assert at.peers.sent_to("toolbox", "compensate") == []


def test_a_completed_task_drops_what_its_conditions_left_out(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT)

    at.finish(summary="Read it.")

    assert at.states() == {"read": "done", "settle": "dropped"}


def test_a_failed_task_is_compensated_and_lists_what_was_not_undone(at: Desk) -> None:
    at.running().judged(READ, READ_RESULT)

    at.finish(failure=BROKEN.failure)
    at.finish(failure=BROKEN.failure)

    assert at.moves("task")[-2:] == ["compensating", "failed"]
    assert at.row().not_undone == ["slot 1: file is sent"]
    assert at.states() == {"read": "done", "settle": "dropped"}
    assert len(at.peers.sent_to("toolbox", "compensate")) == 1
    assert set(at.engine.terminated) == {READING, SETTLED}
    _, _, ended = at.outbox.published[-1]
    assert isinstance(ended, TaskEnded)
    assert (ended.failure, ended.not_undone) == (BROKEN.failure, ("slot 1: file is sent",))


def test_a_compensation_that_got_no_answer_is_repeated_and_the_first_failure_stays(
    at: Desk,
) -> None:
    at.running().peers.failures.append(AWAY)
    with pytest.raises(RetryLater):
        at.finish(failure=BROKEN.failure)
    assert at.row().state == "compensating"

    at.finish(stopped="deadline")

    assert at.row().state == "failed"
    assert at.row().failure == BROKEN.failure.model_dump(mode="json")
    sent = at.peers.sent_to("toolbox", "compensate")
    assert [type(s) for s in sent] == [Undo, Undo]


def test_a_run_after_a_failed_compensation_has_only_the_end_to_do(at: Desk) -> None:
    at.running().peers.failures.append(AWAY)
    with pytest.raises(RetryLater):
        at.finish(failure=BROKEN.failure)

    assert at.store.claim(START).failure == BROKEN.failure


@pytest.mark.parametrize(
    ("stop", "state", "title"),
    [
        ("cancelled: typed wrong", "cancelled", "Cancelled"),
        ("deadline", "failed", "DeadlineExceeded"),
        ("no run of 20 came to an end", "failed", "TooManyRuns"),
    ],
)
def test_a_stopped_task_ends_as_its_reason_says(
    at: Desk, stop: str, state: str, title: str
) -> None:
    at.running()

    at.finish(stopped=stop)

    failure = at.row().failure
    assert failure is not None
    assert (at.row().state, failure["title"]) == (state, title)


@pytest.mark.parametrize(
    ("state", "who"),
    [
        ("working", "specialist-finance for subtask 'settle'"),
        ("reviewing", "critic for subtask 'settle'"),
        ("committing", "toolbox for subtask 'settle'"),
        ("held", "a person for subtask 'settle'"),
    ],
)
def test_a_late_task_names_whom_it_waited_for(at: Desk, state: str, who: str) -> None:
    at.running().judged(READ, READ_RESULT)
    with at.store.transaction() as session:
        session.get_one(SubtaskRow, (TASK_ID, "settle")).state = state  # type: ignore[assignment]

    at.finish(stopped="deadline")

    assert who in str(at.row().failure)


def test_a_late_task_names_nobody_whose_turn_had_not_come(at: Desk) -> None:
    at.running()

    at.finish(stopped="deadline")

    assert "specialist-documents for subtask 'read'" in str(at.row().failure)
    assert "settle" not in str(at.row().failure)


def test_a_task_stopped_before_its_plan_ends(at: Desk) -> None:
    at.accepted()

    at.finish(stopped="cancelled: no reason given")

    assert at.moves("task") == ["submitted", "cancelled"]


def test_a_held_task_that_is_cancelled_ends(at: Desk) -> None:
    at.running().peers.answers["toolbox", "commit"] = committing("held")
    at.judged(SETTLE, SETTLE_RESULT)

    at.finish(stopped="cancelled: changed my mind")

    assert at.row().state == "cancelled"
    assert at.states()["settle"] == "dropped"


def test_a_commit_that_comes_back_after_the_end_changes_nothing(at: Desk) -> None:
    at.running().record(SETTLE, SETTLE_RESULT)
    at.store.keep_verdict(verdict(SETTLE, SETTLE_RESULT))
    applied = committing("applied")

    def end_meanwhile(sent: object) -> object:
        at.finish(stopped="cancelled: now")
        return applied(sent)  # type: ignore[arg-type]

    at.peers.answers["toolbox", "commit"] = end_meanwhile  # type: ignore[assignment]
    with pytest.raises(Abandon) as refused:
        at.close(SETTLE)

    assert refused.value.failure.title == "TaskEnded"
    assert at.states()["settle"] == "dropped"


def test_an_end_that_could_not_be_told_is_owed(at: Desk) -> None:
    at.running().outbox.failure = AWAY
    with pytest.raises(RetryLater):
        at.finish(summary="Done.")
    assert at.row().owes_event

    at.outbox.failure = None
    at.finish()

    assert not at.row().owes_event
    assert at.outbox.on("task-completed") == [f"{TASK_ID}.completed"]


OTHER = Start(task=TASK_ID, run="e" * 16)


@pytest.mark.parametrize(
    "step",
    [
        lambda at: at.register(),
        lambda at: at.record(READ, READ_RESULT),
        lambda at: at.close(READ, failure=BROKEN),
    ],
)
def test_a_superseded_run_is_refused_by_every_step(
    at: Desk, step: Callable[[Desk], object]
) -> None:
    at.running().set_row(run=OTHER.run)
    before = (at.states(), len(at.peers.calls), len(at.outbox.published))

    with pytest.raises(Failing) as refused:
        step(at)

    assert refused.value.failure.title == "Superseded"
    assert (at.states(), len(at.peers.calls), len(at.outbox.published)) == before


def test_a_superseded_run_ends_nothing(at: Desk) -> None:
    at.running().set_row(run=OTHER.run)

    finished = at.steps.finish_task(Finish(start=START, failure=BROKEN.failure))

    assert finished.state is None
    assert at.row().state == "running"
    assert at.store.claim(START).task is None
    assert at.store.claim(OTHER).task == task()


def test_closing_an_unknown_subtask_is_refused(at: Desk) -> None:
    at.running()

    with pytest.raises(Abandon) as refused:
        at.closer.close_subtask(Closing(start=START, subtask="nothing", attempt=1))

    assert refused.value.failure.title == "UnknownSubtask"
