"""What the coordinator's own workflows and steps say to each other; other apps never see these."""

from pydantic import Field

from quartet.contracts.base import Contract, Digest, Line, Name, TaskId, ValueId
from quartet.contracts.effect import Outcome
from quartet.contracts.failure import Failure, Refusal
from quartet.contracts.plan import Plan, Subtask
from quartet.contracts.remote import Remote
from quartet.contracts.task import SubtaskState, Task, TaskState
from quartet.contracts.work import Given, Worked, WorkOrder


class Start(Contract):
    """The input of run_task: which task, and the nonce of this run."""

    task: TaskId
    run: str


def instance_of(start: Start, subtask: Name = "") -> str:
    """Return the instance id of the workflow of this run, or of a subtask in it.

    Each run has ids of its own: Dapr takes no id again while anything of an earlier run lives.
    """
    return ".".join(part for part in (start.task, subtask, start.run[:6]) if part)


def work_of(start: Start, subtask: Name, attempt: int) -> str:
    """Return the instance id of the specialist's work on an attempt at a subtask."""
    return f"{instance_of(start, subtask)}.w{attempt}"


class Closed(Contract):
    """Where a subtask stands after a step closed, held or reopened it."""

    subtask: Name
    state: SubtaskState
    decision: str = ""
    values: tuple[ValueId, ...] = ()
    feedback: str = ""
    outcomes: tuple[Outcome, ...] = ()
    failure: Failure | None = None


class Opened(Contract):
    """How far an earlier run brought a subtask: its attempt, and the result that stays."""

    subtask: Name
    attempt: int = Field(ge=1)
    feedback: str = ""
    worked: Worked | None = None


class Claimed(Contract):
    """The task of this run and what earlier runs left; no task when this run is not the one.

    A ``failure`` was stored by a run that could not end the task: nothing is left but its end.
    """

    task: Task | None = None
    failure: Failure | None = None
    plan: Plan | None = None
    closed: tuple[Closed, ...] = ()
    opened: tuple[Opened, ...] = ()
    agents: dict[Name, Name] = Field(default_factory=dict)
    """Which app-id works on which subtask; where nothing is said, the pack's specialist."""

    @property
    def planned(self) -> "Planned | None":
        """The plan that an earlier run registered, with who works on it."""
        return Planned(plan=self.plan, agents=self.agents) if self.plan else None


class DraftedPlan(Contract):
    """A plan to check, store and register."""

    start: Start
    plan: Plan


class PlanChecked(Contract):
    """Why the plan is refused; nothing when it is now the task's plan."""

    refused: tuple[Refusal, ...] = ()
    agents: dict[Name, Name] = Field(default_factory=dict)
    """Which app-id works on which subtask; where nothing is said, the pack's specialist."""


class Planned(Contract):
    """The plan that a task goes by, and who works on it."""

    plan: Plan
    agents: dict[Name, Name]


class SubtaskRun(Contract):
    """The input of run_subtask."""

    start: Start
    task: Task
    plan: Digest
    subtask: Subtask
    app_id: Name
    given: tuple[Given, ...] = ()
    opened: Opened | None = None


class ResultIn(Contract):
    """A result that came back from a specialist."""

    start: Start
    order: WorkOrder
    by: Name
    worked: Worked


class Recorded(Contract):
    """The digest that the verdict will name, and whether an earlier run has that verdict."""

    proposal_digest: Digest
    reviewed: bool = False


class Closing(Contract):
    """An attempt to close: after a review, after a decision, or after the work failed."""

    start: Start
    subtask: Name
    attempt: int
    failure: Failure | None = None


class Finish(Contract):
    """How a task ends: with a summary, a failure, or because it was stopped."""

    start: Start
    summary: Line = ""
    failure: Failure | None = None
    stopped: Line = ""


class Finished(Contract):
    """The terminal state."""

    state: TaskState | None = None


CLAIM_TASK = Remote("", "claim_task", Start, Claimed)
REGISTER_PLAN = Remote("", "register_plan", DraftedPlan, PlanChecked)
RECORD_RESULT = Remote("", "record_result", ResultIn, Recorded)
CLOSE_SUBTASK = Remote("", "close_subtask", Closing, Closed)
FINISH_TASK = Remote("", "finish_task", Finish, Finished)
RUN_TASK = Remote("", "run_task", Start, Finished)
RUN_SUBTASK = Remote("", "run_subtask", SubtaskRun, Closed)
