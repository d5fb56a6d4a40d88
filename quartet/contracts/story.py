"""The checkpoint view of a task: what it set out to do, has said, found, made, and is at now."""

from typing import Literal

from quartet.contracts.base import Contract, Digest, Fields, Json, Line, Name, TaskId, ValueId
from quartet.contracts.effect import EffectStatus
from quartet.contracts.plan import Plan
from quartet.contracts.task import SubtaskState, Task, TaskState

Undoing = Literal["by-compensation", "by-hand", "nothing"]
"""How a resource is cleaned up: plain code undoes it, a person has to, or there is nothing left."""


class Conversation(Contract):
    """What an agent and its model have said in one attempt, up to its newest turn."""

    subtask: Name
    attempt: int
    by: Name
    skill: str
    turns: int
    messages: tuple[Fields, ...]


class ToolResult(Contract):
    """A value that a tool gave: which, for whom, from which arguments."""

    value: ValueId
    subtask: Name
    attempt: int
    tool: str
    by: Name
    arguments: Json
    arguments_digest: Digest
    result: Json


class Resource(Contract):
    """An effect: what was made outside the task, and how it is undone."""

    slot: int
    subtask: Name
    tool: Name
    status: EffectStatus
    says: str
    natural_key: str | None
    made_at: str
    undo: Undoing


class TaskStory(Contract):
    """What the toolbox knows of a task: conversations, tool results, resources."""

    messages: tuple[Conversation, ...] = ()
    results: tuple[ToolResult, ...] = ()
    resources: tuple[Resource, ...] = ()


class Step(Contract):
    """A subtask as it stands: its goal, and the reasoning behind where it is."""

    subtask: Name
    kind: Name
    goal: str
    state: SubtaskState
    attempt: int
    reasoning: Line = ""
    review: Line = ""
    feedback: str = ""


class TaskIntent(Contract):
    """What the coordinator knows of a task: intent, constraints, plan, and where it is."""

    task: Task
    state: TaskState
    deadline: str | None
    plan: Plan | None
    steps: tuple[Step, ...] = ()


class CheckpointView(Contract):
    """Everything a task could be continued, explained or cleaned up from, at this moment."""

    id: TaskId
    messages: tuple[Conversation, ...]
    results: tuple[ToolResult, ...]
    current: tuple[Step, ...]
    resources: tuple[Resource, ...]
    intent: TaskIntent
