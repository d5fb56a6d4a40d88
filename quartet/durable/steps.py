"""What a workflow may do, typed: call a step, run a child, join children, wait for an event.

A step is one checkpointed activity. It is retried here, by the advice of its failure, because
the engine's own policy knows neither jitter nor Retry-After.
"""

from collections.abc import Generator, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from dapr.ext.workflow import DaprWorkflowContext, TaskFailedError, when_any
from pydantic import ValidationError

from quartet.contracts.base import Contract
from quartet.contracts.budget import BUSY, FOR_A_PERSON
from quartet.contracts.failure import Failure
from quartet.contracts.remote import Remote
from quartet.resilience.backoff import Backoff
from quartet.resilience.failures import Abandon, Failing, failing

Sent = TypeVar("Sent", bound=Contract)
Got = TypeVar("Got", bound=Contract)
Steps = Generator[Any, Any, Got]
PATIENCE = Backoff()
OUTAGE = Backoff(most=15.0, attempts=18)
"""For what is only out of reach: about three minutes, longer than a restart takes."""

PERSON = Backoff(first=2.0, most=300.0, attempts=2**31)
"""For what a person ends, in days perhaps: each look is a durable timer, and none is the last."""


def call(ctx: DaprWorkflowContext, remote: Remote[Sent, Got], sent: Sent) -> Steps[Got]:
    """Run one activity; its result is checkpointed before the workflow goes on.

    Retries what says it may be retried, with backoff; raises Failing when that is spent or no
    repeat helps. A call that a person has put off waits for the person. One whose app-id is gone
    waits: the sweep ends the task at its deadline.
    """
    failures = looks = 0
    while True:
        try:
            raw = yield ctx.call_activity(
                remote.name, input=sent.model_dump(mode="json"), app_id=remote.app_id or None
            )
            return remote.returns.model_validate(raw)
        except TaskFailedError as error:
            failed = told(error)
        # Waiting for a person uses up no patience with anything else.
        waits = failed.failure.title in FOR_A_PERSON
        failures, looks = failures + (not waits), looks + waits
        wait = _wait(ctx, failed, looks if waits else failures)
        if wait is None:
            raise failed
        yield ctx.create_timer(timedelta(seconds=wait))


def child(ctx: DaprWorkflowContext, remote: Remote[Sent, Got], sent: Sent, name: str) -> Any:  # noqa: ANN401
    """Start a child workflow with instance id ``name``; ``ended`` reads its result."""
    return ctx.call_child_workflow(
        remote.name,
        input=sent.model_dump(mode="json"),
        instance_id=name,
        app_id=remote.app_id or None,
    )


def run_child(
    ctx: DaprWorkflowContext, remote: Remote[Sent, Got], sent: Sent, name: str
) -> Steps[Got]:
    """Run a child workflow to its end; raises its Failing."""
    task = child(ctx, remote, sent, name)
    try:
        yield task
    except TaskFailedError as error:
        raise told(error) from error
    return remote.returns.model_validate(task.get_result())


def ended(task: Any, returns: type[Got]) -> Got:  # noqa: ANN401
    """Return the result of a child that has ended; raises its Failing."""
    try:
        return returns.model_validate(task.get_result())
    except TaskFailedError as error:
        raise told(error) from error


def first(tasks: Iterable[Any]) -> Generator[Any, Any, Any]:
    """Wait for the first of several children to end; return its task."""
    return (yield when_any([*tasks]))


def wait_for(ctx: DaprWorkflowContext, event: str) -> Generator[Any, Any, None]:
    """Wait for an event at zero compute. It only wakes: what counts is the record."""
    yield ctx.wait_for_external_event(event)


def told(error: TaskFailedError) -> Failing:
    """Return the failure that an activity or child told; an untold one is not retried."""
    details = error.details
    try:
        return failing(Failure.model_validate_json(details.message))
    except ValidationError:
        says = f"{details.error_type}: {details.message}"[:1000]
        return Abandon(says, cause="tool", title="StepFailed")


def _patience(failure: Failure) -> Backoff:
    if failure.title in FOR_A_PERSON:
        return PERSON
    return OUTAGE if failure.cause == "network" or failure.title == BUSY else PATIENCE


def _wait(ctx: DaprWorkflowContext, failed: Failing, failures: int) -> float | None:
    failure = failed.failure
    patience = _patience(failure)
    if failure.advice not in ("retry-now", "retry-later") or patience.spent(failures):
        return None
    if failure.advice == "retry-now":
        return 0.05
    draw = ctx.random_int(0, 999) / 1000
    return patience.wait(failures, draw, failure.after_s)
