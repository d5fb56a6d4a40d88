"""Why subtasks and tasks end badly, in words for people; when they do is decided elsewhere."""

from quartet.contracts.failure import Failure
from quartet.contracts.plan import Plan
from quartet.contracts.task import Task
from quartet.contracts.work import WorkOrder, WorkResult
from quartet.resilience.failures import Abandon
from quartet.trust.signing import NotGenuine
from services.coordinator.rows import ENDED
from services.coordinator.tables import SubtaskRow, TaskRow

CANCELLED = "Cancelled"
WAITS_FOR = {"reviewing": "critic", "committing": "toolbox", "held": "a person"}
"""Who keeps a subtask waiting in a state; in any other its specialist."""


def unsatisfied(row: SubtaskRow, says: str) -> Failure:
    """Return the failure of a subtask whose last attempt the critic wants revised."""
    return Failure(
        title="CriticNotSatisfied",
        detail=f"The critic asked to revise {row.id!r} in attempt {row.attempt}: {says}",
        cause="model",
        advice="retry-changed",
    )


def not_signed(order: WorkOrder, why: NotGenuine) -> Abandon:
    """Return the refusal of a result that its specialist has not signed."""
    return Abandon(
        f"The result of {order.subtask.id!r} is not signed by the specialist that runs "
        f"{order.subtask.kind!r}: {why}. See that it runs with its own key.",
        cause="policy",
        title="ProposalNotSigned",
    )


def rejected(row: SubtaskRow, says: str) -> Failure:
    """Return the failure of a subtask that the critic rejected."""
    return Failure(
        title="SubtaskRejected",
        detail=f"The critic rejected {row.id!r}: {says}",
        cause="policy",
        advice="abandon",
    )


def hopeless(row: SubtaskRow, result: WorkResult) -> Failure:
    """Return the failure of a subtask whose accepted decision ends the task."""
    return Failure(
        title=f"Subtask{result.decision.title().replace('-', '')}",
        detail=result.summary or f"{row.id!r} came to {result.decision!r}.",
        cause="data",
        advice="abandon",
    )


def stopped(row: TaskRow, rows: list[SubtaskRow], why: str) -> Failure:
    """Return the failure of a task that is cancelled, late, or could not be run."""
    if why.startswith("cancelled"):
        return Failure(title=CANCELLED, detail=why, cause="policy", advice="abandon")
    if why != "deadline":
        says = f"The task was given up: {why}. The coordinator's log says how its runs failed."
        return Failure(title="TooManyRuns", detail=says, cause="tool", advice="retry-later")
    task = Task.model_validate(row.task)
    waiting = [
        f"{WAITS_FOR.get(s.state, s.app_id)} for subtask {s.id!r} ({s.state})"
        for s in rows
        if s.id in _begun(row, rows)
    ]
    awaited = ", ".join(waiting) or "planner for the plan"
    return Failure(
        title="DeadlineExceeded",
        detail=f"The task did not end within {task.limits.deadline_s} s; it waits for {awaited}. "
        "See that this app runs, or submit again with a longer limits.deadline_s.",
        cause="network",
        advice="retry-later",
    )


def _begun(row: TaskRow, rows: list[SubtaskRow]) -> set[str]:
    """Return the subtasks that wait for somebody, not for each other."""
    ended = {s.id for s in rows if s.state in ENDED}
    return {s.id for s in Plan.model_validate(row.plan).ready(ended, ended)} if row.plan else set()
