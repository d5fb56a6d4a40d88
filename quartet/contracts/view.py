"""Tasks as people and clients see them, through the console; how they are stored is elsewhere."""

from typing import Annotated, Literal

from pydantic import Field, RootModel, StringConstraints

from quartet.contracts.base import Contract, Fields, Json, Line, Name, TaskId
from quartet.contracts.effect import Outcome
from quartet.contracts.event import DeadLetter
from quartet.contracts.failure import Failure
from quartet.contracts.person import DEFAULT_TENANT
from quartet.contracts.task import Document, Move, SubtaskState, TaskState
from quartet.contracts.work import Finding, Verdict

Shown = Literal[
    "submitted",
    "planning",
    "running",
    "waiting",
    "compensating",
    "completed",
    "failed",
    "cancelled",
]
"""A task state, and ``waiting``: running, but only a person can bring it on."""


OldLine = Annotated[str, StringConstraints(max_length=500)]
"""A line as it was kept: older ones may hold control characters, which are refused by now."""


class SubtaskView(Contract):
    """One subtask with what it came to."""

    id: Name
    kind: Name
    app_id: Name
    state: SubtaskState
    attempt: int
    decision: str = ""
    summary: OldLine = ""
    findings: tuple[Finding, ...] = ()
    verdict: Verdict | None = None
    outcomes: tuple[Outcome, ...] = ()
    failure: Failure | None = None


class TaskView(Contract):
    """One task with its subtasks; ``history`` only when one task is asked for."""

    id: TaskId
    pack: Name
    goal: str
    requester: str
    tenant: Name = DEFAULT_TENANT
    batch: str | None
    documents: tuple[Document, ...]
    state: TaskState
    shown: Shown
    summary: OldLine = ""
    failure: Failure | None = None
    not_undone: tuple[str, ...] = ()
    created: str
    changed: str
    subtasks: tuple[SubtaskView, ...] = ()
    history: tuple[Move, ...] = ()


class TaskList(Contract):
    """Tasks, newest first."""

    tasks: tuple[TaskView, ...]


class DeadLetterView(Contract):
    """A dead letter as kept."""

    id: str
    letter: DeadLetter
    replayed: str | None = None


class DeadLetters(Contract):
    """Dead letters, newest first."""

    letters: tuple[DeadLetterView, ...]


class Done(Contract):
    """A plain acknowledgement with one line."""

    says: Line


class Why(Contract):
    """Why somebody asks for something, such as a cancellation."""

    why: Line = ""


class OperationArguments(RootModel[Fields]):
    """The arguments of a pack's operation; its own schema checks them."""


class OperationResult(RootModel[Json]):
    """What a pack's operation answered."""


class Submitted(Contract):
    """A task that was put onto the broker; ``task`` is its id from now on."""

    task: TaskId


class Heard(Contract):
    """Events that the console heard, oldest first, each with its number."""

    events: tuple[Fields, ...]


class TaskIds(Contract):
    """Tasks about whom something is asked."""

    tasks: Annotated[tuple[TaskId, ...], Field(max_length=2000)]


class Owner(Contract):
    """Whose a task is."""

    tenant: Name
    requester: str


class Owners(Contract):
    """Whose the known ones of some tasks are."""

    owners: dict[TaskId, Owner]
