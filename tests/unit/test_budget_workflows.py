"""What workflows, plans and the agent loop do at a limit, and while a person is waited for."""

import pytest

from quartet.agents.loop import take_turn
from quartet.contracts.failure import Failure
from quartet.contracts.plan import Plan
from quartet.contracts.task import Limits
from quartet.contracts.work import TurnEnd
from quartet.durable.steps import OUTAGE, PERSON
from quartet.resilience.failures import Abandon, Failing, RetryLater
from quartet.testing.ports import Readings, ScriptedModel, uses
from quartet.testing.replay import Replay
from services.coordinator.messages import Finish, Finished
from services.critic.messages import GivenUp, ReviewEnd
from services.critic.workflow import review_subtask
from services.specialist.workflow import work
from tests.unit.coordinator_desk import (
    READ,
    READ_RESULT,
    SETTLE,
    SETTLE_RESULT,
    Desk,
    desk,
    done,
    order,
    review_order,
    verdict,
)
from tests.unit.test_agent_loop import BRIEF, PURPOSE, TOOL
from tests.unit.test_plan import KINDS, TOOLS, chain, node
from tests.unit.test_workflow_replay import end_subtask, planned, sent

EXCEEDED = Abandon("No money is left.", cause="policy", title="BudgetExceeded")
PAUSED = RetryLater("It is paused.", cause="policy", title="AgentPaused", after=1.0)
AWAY = RetryLater("It is restarting.", cause="network", title="Unavailable")


def working() -> Replay:
    return Replay(lambda ctx: work(ctx, order(READ)))


def put_off(run: Replay, times: int, failing: Failing = PAUSED) -> None:
    for _ in range(times):
        run.end("take_turn", failing)
        run.fire()


def test_a_paused_agent_s_step_waits_however_long_and_goes_on_where_it_was() -> None:
    run = working()
    run.end("take_turn", TurnEnd())

    put_off(run, 60)
    run.end("take_turn", TurnEnd(worked=done(READ, READ_RESULT)))

    assert run.result == done(READ, READ_RESULT)
    assert sent_turn(run) == 1


def sent_turn(run: Replay) -> object:
    asked = run.sent("take_turn")
    assert isinstance(asked, dict)
    return asked["number"]


def test_waiting_for_a_person_uses_up_no_patience_with_an_outage() -> None:
    run = working()

    put_off(run, 60)
    put_off(run, OUTAGE.attempts - 1, AWAY)
    run.end("take_turn", TurnEnd(worked=done(READ, READ_RESULT)))

    assert run.result == done(READ, READ_RESULT)


def test_the_wait_for_a_person_grows_to_minutes_and_never_overflows() -> None:
    assert PERSON.wait(1, 0.0) < 2
    assert PERSON.wait(100_000, 0.999) <= 300
    assert not PERSON.spent(100_000)


def test_a_subtask_whose_budget_is_exceeded_ends_the_task_with_that() -> None:
    run = planned()

    run.end("run_subtask", EXCEEDED)

    assert sent(run, "finish_task", Finish).failure == EXCEEDED.failure


def test_a_task_whose_work_is_done_completes_without_money_for_the_summary() -> None:
    run = planned()
    end_subtask(run, "read")
    end_subtask(run, "settle")

    run.end("synthesize", EXCEEDED)
    run.end("finish_task", Finished(state="completed"))

    finish = sent(run, "finish_task", Finish)
    assert finish.failure is None
    assert "no budget left to sum it up: read done; settle done" in finish.summary


def test_a_critic_without_budget_gives_up_with_that_failure() -> None:
    run = Replay(lambda ctx: review_subtask(ctx, review_order(READ, READ_RESULT)))

    run.end("take_review_turn", EXCEEDED)

    assert GivenUp.model_validate(run.sent("give_up")).failure == EXCEEDED.failure
    assert ReviewEnd() is not None


def test_the_failure_of_a_verdict_becomes_that_of_the_task(tmp_path: object) -> None:
    at = running(tmp_path)
    at.record(SETTLE, SETTLE_RESULT)
    no = verdict(SETTLE, SETTLE_RESULT, "reject").model_copy(update={"failure": EXCEEDED.failure})
    at.store.keep_verdict(no)

    closed = at.close(SETTLE)

    assert isinstance(closed.failure, Failure)
    assert (closed.state, closed.failure.title) == ("rejected", "BudgetExceeded")


def running(folder: object) -> Desk:
    return desk(folder).running()  # type: ignore[arg-type]


def test_a_tool_call_without_budget_ends_the_turn_and_is_not_told_to_the_model() -> None:
    model = ScriptedModel([uses(TOOL, "{}")])

    with pytest.raises(Abandon) as ended:
        take_turn(BRIEF, PURPOSE, BRIEF.opening(), model, Readings(failure=EXCEEDED))

    assert ended.value.failure.title == "BudgetExceeded"


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(depth=3), "The plan is 4 layers deep; at most 3."),
        (Limits(subtasks=3), "The plan has 4 subtasks; at most 3."),
    ],
)
def test_a_task_s_own_limits_on_depth_and_width_hold(limits: Limits, says: str) -> None:
    refused = Plan(subtasks=chain(4)).problems(KINDS, TOOLS, (), limits)

    assert [r.says for r in refused] == [says]


def test_a_fan_out_of_ten_thousand_is_no_plan() -> None:
    with pytest.raises(ValueError, match="at most 200"):
        Plan(subtasks=tuple(node(f"s{n}") for n in range(10_000)))
