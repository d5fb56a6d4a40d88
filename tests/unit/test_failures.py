"""The failure taxonomy: each cause with each advice, as exception, record, HTTP and workflow."""

from itertools import product
from typing import get_args

import pytest
from dapr.ext.workflow import TaskFailedError
from dapr.ext.workflow._durabletask.internal import protos

from quartet.contracts.base import Contract
from quartet.contracts.failure import Advice, Cause, Failure
from quartet.durable.host import FailureTold, told_of
from quartet.durable.steps import told
from quartet.resilience.failures import KINDS, Abandon, Failing, failing
from quartet.testing.replay import Replay
from services.coordinator.messages import Start
from services.coordinator.workflow import TaskWorkflows
from tests.unit.coordinator_desk import PACK, START

CAUSES: tuple[Cause, ...] = get_args(Cause)
ADVICES: tuple[Advice, ...] = get_args(Advice)
CELLS = list(product(CAUSES, ADVICES))
STATUS = {"retry-now": 503, "retry-later": 503, "retry-changed": 422, "abandon": 400}


def test_the_table_is_whole() -> None:
    assert CAUSES == ("model", "tool", "network", "policy", "data")
    assert set(KINDS) == set(ADVICES)


@pytest.mark.parametrize(("cause", "advice"), CELLS)
def test_a_failure_is_the_same_wherever_it_is_told(cause: Cause, advice: Advice) -> None:
    raised = KINDS[advice]("It failed. Do this.", cause=cause, title="Named", after=7.0)

    failure = raised.failure
    problem = raised.problem()

    assert (failure.cause, failure.advice, failure.after_s) == (cause, advice, 7.0)
    assert failing(failure).failure == failure
    assert type(failing(failure)) is KINDS[advice]
    assert (problem.status, problem.cause, problem.advice) == (STATUS[advice], cause, advice)
    assert (problem.title, problem.detail) == ("Named", "It failed. Do this.")


@pytest.mark.parametrize(("cause", "advice"), CELLS)
def test_a_failure_crosses_the_engine_unchanged(cause: Cause, advice: Advice) -> None:
    raised = KINDS[advice]("It failed.", cause=cause, title="Named", after=1.5)

    def fails() -> Contract:
        raise raised

    with pytest.raises(FailureTold) as crossing:
        told_of(fails)

    assert told(_task_failed("FailureTold", str(crossing.value))).failure == raised.failure


@pytest.mark.parametrize(("cause", "advice"), CELLS)
def test_a_workflow_repeats_what_a_repeat_may_mend_and_nothing_else(
    cause: Cause, advice: Advice
) -> None:
    run = Replay(lambda ctx: TaskWorkflows(PACK).run_task(ctx, START))

    run.end("claim_task", KINDS[advice]("It failed.", cause=cause))

    repeats = advice in ("retry-now", "retry-later")
    assert ([a.what for a in run.open] == ["timer"]) is repeats
    assert (run.failure is None) is repeats


def test_a_title_falls_back_to_the_kind() -> None:
    assert Abandon("No.", cause="data").failure.title == "Abandon"


def test_a_status_of_its_own_wins() -> None:
    class Missing(Abandon):
        status = 404

    assert Missing("No.", cause="data").problem().status == 404
    assert Missing("No.", cause="data").problem(410).status == 410


def test_an_error_that_told_no_failure_is_not_repeated() -> None:
    failure = told(_task_failed("KeyError", "'x'")).failure

    assert (failure.title, failure.advice) == ("StepFailed", "abandon")
    assert "KeyError: 'x'" in failure.detail


def test_a_message_that_does_not_fit_is_told_as_data() -> None:
    with pytest.raises(FailureTold) as crossing:
        told_of(lambda: Start.model_validate({"task": "x"}))

    failure = Failure.model_validate_json(str(crossing.value))
    assert (failure.title, failure.cause, failure.advice) == ("MessageRefused", "data", "abandon")


def test_an_error_of_the_machine_is_told_as_try_again() -> None:
    def fails() -> Contract:
        raise ConnectionResetError("peer")

    with pytest.raises(FailureTold) as crossing:
        told_of(fails)

    failure = Failure.model_validate_json(str(crossing.value))
    assert (failure.cause, failure.advice) == ("network", "retry-later")


def test_every_kind_is_a_failing() -> None:
    assert all(issubclass(kind, Failing) for kind in KINDS.values())


def _task_failed(kind: str, text: str) -> TaskFailedError:
    return TaskFailedError("failed", protos.TaskFailureDetails(errorType=kind, errorMessage=text))
