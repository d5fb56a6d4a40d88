"""The coordinator's and the agents' workflows, replayed from their start at every event."""

from typing import TypeVar

import pytest

from quartet.contracts.base import Contract
from quartet.contracts.failure import Refusal
from quartet.contracts.plan import Condition, Plan, Subtask
from quartet.contracts.remote import PlanOrder, Synthesis, SynthesisOrder
from quartet.contracts.task import MAX_IN_FLIGHT, SubtaskState
from quartet.contracts.work import TurnEnd, WorkOrder
from quartet.durable.steps import OUTAGE, wait_for
from quartet.resilience.failures import Abandon, Failing, RetryChanged, RetryLater, RetryNow
from quartet.testing.replay import NotDeterministic, Replay
from services.coordinator.messages import (
    Claimed,
    Closed,
    Closing,
    Finish,
    Finished,
    Opened,
    PlanChecked,
    Recorded,
    ResultIn,
    SubtaskRun,
)
from services.coordinator.workflow import TaskWorkflows
from services.critic.messages import ReviewEnd
from services.critic.workflow import review_subtask
from services.specialist.workflow import work
from tests.unit.coordinator_desk import (
    DIGEST,
    PACK,
    PLAN,
    PLAN_DIGEST,
    READ,
    READ_RESULT,
    RUN,
    SETTLE,
    SETTLE_RESULT,
    START,
    TASK_ID,
    done,
    order,
    review_order,
    task,
    verdict,
)

Sent = TypeVar("Sent", bound=Contract)
WORKFLOWS = TaskWorkflows(PACK)
BROKEN = Abandon("It can not be done.", cause="tool", title="Broken")
AWAY = RetryLater("It is restarting.", cause="network", title="Unavailable")
CLAIMED = Claimed(task=task())
SUMMED_UP = Synthesis(summary="Held one.")


def started(claimed: Claimed = CLAIMED) -> Replay:
    run = Replay(lambda ctx: WORKFLOWS.run_task(ctx, START))
    run.end("claim_task", claimed)
    return run


def planned(plan: Plan = PLAN) -> Replay:
    run = started()
    run.end("draft_plan", plan)
    run.end("register_plan", PlanChecked())
    return run


def sent(run: Replay, name: str, kind: type[Sent]) -> Sent:
    return kind.model_validate(run.sent(name))


def instance(subtask: Subtask | str) -> str:
    name = subtask if isinstance(subtask, str) else subtask.id
    return f"{TASK_ID}.{name}.{RUN[:6]}"


def end_subtask(
    run: Replay, subtask: str, state: SubtaskState = "done", decision: str = "invoice"
) -> None:
    run.end(instance(subtask), Closed(subtask=subtask, state=state, decision=decision))


def test_a_task_goes_from_claim_to_finish_in_order() -> None:
    run = planned()

    end_subtask(run, "read")
    end_subtask(run, "settle")
    run.end("synthesize", SUMMED_UP)
    run.end("finish_task", Finished(state="completed"))

    assert run.result == Finished(state="completed")
    assert run.steps == (
        "claim_task",
        "draft_plan",
        "register_plan",
        "run_subtask",
        "run_subtask",
        "synthesize",
        "finish_task",
    )
    assert sent(run, "finish_task", Finish).summary == "Held one."


def test_a_run_that_may_not_claim_the_task_does_nothing() -> None:
    run = started(Claimed())

    assert (run.result, run.steps) == (Finished(), ("claim_task",))


def test_a_subtask_is_given_what_its_dependencies_came_to() -> None:
    run = planned()
    assert [a.instance for a in run.open] == [instance(READ)]

    closed = Closed(subtask="read", state="done", decision="invoice", values=READ_RESULT.values)
    run.end("run_subtask", closed)

    settle = sent(run, "run_subtask", SubtaskRun)
    assert (settle.subtask, settle.app_id) == (SETTLE, "specialist-finance")
    assert [(g.subtask, g.values) for g in settle.given] == [("read", READ_RESULT.values)]


def test_a_refused_plan_is_revised_once_with_the_reasons() -> None:
    refused = (Refusal(says="The plan has a cycle."),)
    run = started()
    run.end("draft_plan", PLAN)
    run.end("register_plan", PlanChecked(refused=refused))

    assert sent(run, "revise_plan", PlanOrder).refused == refused
    run.end("revise_plan", PLAN)
    run.end("register_plan", PlanChecked())

    assert run.waits_for == ("run_subtask",)


@pytest.mark.parametrize(
    ("says", "title"),
    [
        ("The plan has a cycle.", "PlanRefused"),
        ("NoSpecialistAvailable: no specialist for kind 'x'.", "NoSpecialistAvailable"),
    ],
)
def test_a_plan_refused_twice_ends_the_task(says: str, title: str) -> None:
    run = started()
    for name in ("draft_plan", "revise_plan"):
        run.end(name, PLAN)
        run.end("register_plan", PlanChecked(refused=(Refusal(says=says),)))

    failure = sent(run, "finish_task", Finish).failure
    assert failure is not None
    assert failure.title == title
    assert says in failure.detail


def fork(*names: str) -> Plan:
    return Plan(subtasks=tuple(Subtask(id=n, kind="read-invoice", goal="Read.") for n in names))


def test_the_failure_of_one_of_two_parallel_subtasks_ends_the_task_at_once() -> None:
    run = planned(fork("a", "b"))
    assert len(run.open) == 2

    run.end(instance("b"), Closed(subtask="b", state="failed", failure=BROKEN.failure))

    assert run.waits_for == ("run_subtask", "finish_task")
    assert sent(run, "finish_task", Finish).failure == BROKEN.failure


def test_a_child_that_fails_as_a_workflow_ends_the_task_with_its_failure() -> None:
    run = planned(fork("a", "b"))

    run.end(instance("a"), BROKEN)

    assert sent(run, "finish_task", Finish).failure == BROKEN.failure


def test_parallel_subtasks_may_end_in_any_order() -> None:
    run = planned(fork("a", "b", "c"))

    for name in ("c", "a", "b"):
        end_subtask(run, name)

    assert run.waits_for == ("synthesize",)
    assert [s.id for s in sent(run, "synthesize", SynthesisOrder).subtasks] == ["a", "b", "c"]


def test_no_more_than_so_many_subtasks_work_at_the_same_time() -> None:
    names = [f"s{n}" for n in range(MAX_IN_FLIGHT + 5)]
    run = planned(fork(*names))
    assert len(run.open) == MAX_IN_FLIGHT

    end_subtask(run, "s3")

    assert len(run.open) == MAX_IN_FLIGHT
    assert run.open[-1].instance == instance(f"s{MAX_IN_FLIGHT}")
    while run.waits_for != ("synthesize",):
        end_subtask(run, run.open[0].instance.split(".")[1])
    assert len(run.steps) == 3 + len(names) + 1


def conditional() -> Plan:
    when = (Condition(subtask="read", decisions=("invoice",)),)
    pay = Subtask(id="pay", kind="settle-invoice", goal="Pay.", depends_on=("read",), when=when)
    tell = Subtask(id="tell", kind="settle-invoice", goal="Tell.", depends_on=("pay",))
    return Plan(subtasks=(READ, pay, tell))


def test_a_branch_whose_condition_fails_is_dropped_with_its_dependents() -> None:
    run = planned(conditional())

    end_subtask(run, "read", decision="credit-note")

    states = [s.state for s in sent(run, "synthesize", SynthesisOrder).subtasks]
    assert states == ["done", "dropped", "dropped"]


def test_a_branch_whose_condition_holds_runs() -> None:
    run = planned(conditional())

    end_subtask(run, "read", decision="invoice")

    assert [a.instance for a in run.open] == [instance("pay")]


def test_a_second_run_goes_on_where_the_first_was() -> None:
    opened = Opened(subtask="settle", attempt=2, feedback="Look again.")
    done = Closed(subtask="read", state="done", decision="invoice", values=READ_RESULT.values)

    run = started(Claimed(task=task(), plan=PLAN, closed=(done,), opened=(opened,)))

    assert run.steps == ("claim_task", "run_subtask")
    assert sent(run, "run_subtask", SubtaskRun).opened == opened


def test_a_second_run_ends_a_task_whose_subtask_had_failed() -> None:
    failed = Closed(subtask="read", state="failed", failure=BROKEN.failure)

    run = started(Claimed(task=task(), plan=PLAN, closed=(failed,)))

    assert sent(run, "finish_task", Finish).failure == BROKEN.failure


def test_a_second_run_ends_a_task_that_had_begun_to_end() -> None:
    run = started(Claimed(task=task(), failure=BROKEN.failure))

    assert run.steps == ("claim_task", "finish_task")


def test_a_step_that_may_be_repeated_is_repeated_after_a_wait() -> None:
    run = started()

    run.end("draft_plan", AWAY)
    assert [a.what for a in run.open] == ["timer"]
    run.fire()
    run.end("draft_plan", PLAN)

    assert run.waits_for == ("register_plan",)


def test_a_step_that_asks_for_a_long_wait_gets_it() -> None:
    run = started()

    run.end("draft_plan", RetryLater("Too many.", cause="model", after=70.0))

    assert run.waits_for == ("70",)


def test_a_step_is_repeated_at_once_when_it_says_so() -> None:
    run = started()

    run.end("draft_plan", RetryNow("Garbage.", cause="model"))

    assert run.waits_for == ("0.05",)


def test_a_step_that_never_succeeds_ends_the_task_after_an_outage_of_minutes() -> None:
    run = started()

    for _ in range(OUTAGE.attempts - 1):
        run.end("draft_plan", AWAY)
        run.fire()
    run.end("draft_plan", AWAY)

    assert sent(run, "finish_task", Finish).failure == AWAY.failure


@pytest.mark.parametrize("failing", [BROKEN, RetryChanged("Other.", cause="data")])
def test_a_step_that_no_repeat_helps_is_not_repeated(failing: Failing) -> None:
    run = started()

    run.end("draft_plan", failing)

    assert sent(run, "finish_task", Finish).failure == failing.failure


def subtask_run(subtask: Subtask = SETTLE, opened: Opened | None = None) -> Replay:
    asked = SubtaskRun(
        start=START,
        task=task(),
        plan=PLAN_DIGEST,
        subtask=subtask,
        app_id="specialist-finance",
        opened=opened,
    )
    return Replay(lambda ctx: WORKFLOWS.run_subtask(ctx, asked), instance(subtask))


def recorded(reviewed: bool = False) -> Recorded:  # noqa: FBT001, FBT002
    return Recorded(proposal_digest=DIGEST, reviewed=reviewed)


def closed(state: SubtaskState, feedback: str = "") -> Closed:
    return Closed(subtask="settle", state=state, feedback=feedback)


def worked(attempt: int = 1, run: Replay | None = None) -> Replay:
    run = run or subtask_run()
    run.end(f"{instance(SETTLE)}.w{attempt}", done(SETTLE, SETTLE_RESULT, attempt))
    run.end("record_result", recorded())
    return run


def test_a_subtask_works_is_reviewed_and_closes() -> None:
    run = worked()
    assert run.waits_for == ("reviewed-1",)

    run.wake("reviewed-1")
    run.end("close_subtask", closed("done"))

    assert run.result == closed("done")
    assert run.steps == ("work", "record_result", "close_subtask")
    child = run.asked[0]
    assert (child.app_id, child.instance) == ("specialist-finance", f"{instance(SETTLE)}.w1")


def test_a_verdict_that_comes_before_the_wait_is_not_lost() -> None:
    run = subtask_run()
    run.wake("reviewed-1")

    worked(run=run)

    assert run.waits_for == ("close_subtask",)


def test_a_false_alarm_is_waited_out() -> None:
    run = worked()

    run.wake("reviewed-1")
    run.end("close_subtask", closed("reviewing"))
    assert run.waits_for == ("reviewed-1",)
    run.wake("reviewed-1")
    run.end("close_subtask", closed("done"))

    assert run.result == closed("done")


def test_a_revised_subtask_works_again_with_the_feedback_under_the_next_attempt() -> None:
    run = worked()
    run.wake("reviewed-1")

    run.end("close_subtask", closed("working", "Look at the order."))

    again = sent(run, "work", WorkOrder)
    assert (again.attempt, again.feedback) == (2, "Look at the order.")
    worked(2, run)
    run.wake("reviewed-1")
    assert run.waits_for == ("reviewed-2",)
    run.wake("reviewed-2")
    run.end("close_subtask", closed("done"))
    assert run.result == closed("done")


def test_work_that_fails_is_closed_with_its_failure_and_may_be_tried_again() -> None:
    lost = RetryChanged("The conversation is gone.", cause="data", title="ConversationLost")
    run = subtask_run()

    run.end("work", lost)

    assert sent(run, "close_subtask", Closing).failure == lost.failure
    run.end("close_subtask", closed("working", lost.failure.detail))
    assert sent(run, "work", WorkOrder).attempt == 2


def test_a_held_subtask_waits_for_a_decision_and_closes_again() -> None:
    run = worked()
    run.wake("reviewed-1")
    run.end("close_subtask", closed("held"))
    assert run.waits_for == ("decided-1",)

    run.wake("decided-1")
    run.end("close_subtask", closed("done"))

    assert run.result == closed("done")
    assert sent(run, "close_subtask", Closing).attempt == 1


@pytest.mark.parametrize("state", ["rejected", "failed", "dropped"])
def test_a_subtask_that_ended_badly_ends(state: SubtaskState) -> None:
    run = worked()
    run.wake("reviewed-1")

    run.end("close_subtask", closed(state))

    assert run.result == closed(state)


def test_a_second_run_does_not_work_on_what_has_a_result() -> None:
    run = subtask_run(
        opened=Opened(subtask="settle", attempt=2, worked=done(SETTLE, SETTLE_RESULT, 2))
    )

    assert sent(run, "record_result", ResultIn).order.attempt == 2
    run.end("record_result", recorded())

    assert run.waits_for == ("reviewed-2",)
    assert "work" not in run.steps


def test_a_second_run_does_not_wait_for_a_verdict_that_is_there() -> None:
    run = subtask_run(
        opened=Opened(subtask="settle", attempt=1, worked=done(SETTLE, SETTLE_RESULT))
    )

    run.end("record_result", recorded(reviewed=True))
    run.end("close_subtask", closed("held"))

    assert run.waits_for == ("decided-1",)


def test_a_superseded_run_of_a_subtask_ends_with_the_refusal() -> None:
    superseded = Abandon("Another run has taken it.", cause="data", title="Superseded")
    run = subtask_run()
    run.end("work", done(SETTLE, SETTLE_RESULT))

    run.end("record_result", superseded)
    run.end("close_subtask", superseded)

    assert run.failure is not None
    assert run.failure.failure == superseded.failure


def test_a_specialist_takes_turns_until_there_is_a_result() -> None:
    run = Replay(lambda ctx: work(ctx, order(SETTLE)))

    run.end("take_turn", TurnEnd())
    run.end("take_turn", TurnEnd(worked=done(SETTLE, SETTLE_RESULT)))

    assert run.result == done(SETTLE, SETTLE_RESULT)
    assert run.steps == ("take_turn", "take_turn")


def test_a_specialist_without_a_result_stops_at_its_last_turn() -> None:
    run = Replay(lambda ctx: work(ctx, order(SETTLE).model_copy(update={"turns": 3})))

    for _ in range(3):
        run.end("take_turn", TurnEnd())

    assert run.failure is not None
    assert run.failure.failure.title == "TooManyTurns"
    assert run.failure.failure.advice == "retry-changed"


def test_a_review_ends_with_its_verdict() -> None:
    run = Replay(lambda ctx: review_subtask(ctx, review_order(SETTLE, SETTLE_RESULT)))

    run.end("take_review_turn", ReviewEnd())
    run.end("take_review_turn", ReviewEnd(verdict=verdict(SETTLE, SETTLE_RESULT)))

    assert run.result == ReviewEnd(verdict=verdict(SETTLE, SETTLE_RESULT))


def test_a_workflow_that_changes_its_mind_is_found_out() -> None:
    moods = iter(["sunny", "rainy"])

    def moody(ctx: object):  # type: ignore[no-untyped-def]  # noqa: ANN202
        yield from wait_for(ctx, next(moods))  # type: ignore[arg-type]
        return READ_RESULT

    run = Replay(moody)
    with pytest.raises(NotDeterministic):
        run.wake("sunny")
