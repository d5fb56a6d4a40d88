"""The facts that travel on topics: topic names, event types, and the data each carries."""

from typing import Literal, get_args

from quartet.contracts.base import Contract, KeptText, Line, Name, TaskId
from quartet.contracts.failure import Failure
from quartet.contracts.task import TaskState

Topic = Literal[
    "task-submitted",
    "task-planned",
    "subtask-completed",
    "subtask-reviewed",
    "approval-requested",
    "approval-decided",
    "task-completed",
    "task-failed",
    "task-cancelled",
]
TOPICS: tuple[Topic, ...] = get_args(Topic)


def type_of(topic: Topic) -> str:
    """Return the event type of a topic: ``task-submitted`` is ``quartet.task.submitted.v1``."""
    return f"quartet.{topic.replace('-', '.')}.v1"


def dead(topic: str) -> str:
    """Return the topic that takes what could not be handled on ``topic``."""
    return f"{topic}-dead"


class TaskPlanned(Contract):
    """A task has a valid, registered plan."""

    task: TaskId
    subtasks: tuple[Name, ...]


class TaskEnded(Contract):
    """The data of task-completed, task-failed and task-cancelled."""

    task: TaskId
    batch: str | None = None
    state: TaskState
    summary: Line = ""
    failure: Failure | None = None
    not_undone: tuple[Line, ...] = ()


class DeadLetter(Contract):
    """An event that could not be handled, with the reason; ``body`` is what came, as text.

    What no database can keep of it (NUL, lone surrogates) is shown by a sign: see ``storable``.
    """

    topic: str
    reason: Failure
    body: KeptText
    at: str
