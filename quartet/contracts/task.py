"""A task as submitted and as kept: request, limits, states and their only legal transitions."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartet.contracts.base import Base64, Contract, Digest, Line, Name, TaskId
from quartet.contracts.budget import Caps
from quartet.contracts.person import DEFAULT_TENANT, Role
from quartet.contracts.text import Legible

TaskState = Literal[
    "submitted", "planning", "running", "compensating", "completed", "failed", "cancelled"
]
SubtaskState = Literal[
    "working", "reviewing", "committing", "held", "done", "rejected", "dropped", "failed"
]
TASK_MOVES: dict[TaskState, tuple[TaskState, ...]] = {
    "submitted": ("planning", "failed", "cancelled"),
    "planning": ("running", "failed", "cancelled"),
    "running": ("compensating", "completed", "failed", "cancelled"),
    "compensating": ("failed", "cancelled"),
    "completed": (),
    "failed": (),
    "cancelled": (),
}
SUBTASK_MOVES: dict[SubtaskState, tuple[SubtaskState, ...]] = {
    "working": ("reviewing", "dropped", "failed"),
    "reviewing": ("working", "committing", "done", "rejected", "dropped", "failed"),
    "committing": ("working", "held", "done", "rejected", "dropped", "failed"),
    "held": ("working", "committing", "rejected", "dropped", "failed"),
    "done": (),
    "rejected": (),
    "dropped": (),
    "failed": (),
}
TERMINAL: frozenset[TaskState] = frozenset(("completed", "failed", "cancelled"))
ANONYMOUS = "anonymous"
"""The requester of a task that nobody signed; its effects are never autonomous."""

MAX_SUBTASKS, MAX_DEPTH, MAX_IN_FLIGHT = 200, 20, 25
"""The most that any plan may have; a task's own limits may be lower."""

MediaType = Literal["application/xml", "application/pdf", "application/octet-stream"]
FileName = Annotated[str, StringConstraints(max_length=200), Legible]


class Document(Contract):
    """A document by reference; ``name`` is for people only and never decides anything."""

    digest: Digest
    media_type: MediaType = "application/octet-stream"
    name: FileName = ""
    size: int = Field(default=0, ge=0)


class InlineDocument(Contract):
    """A small document inside the event (at most 256 KiB); larger ones are uploaded first."""

    content: Annotated[Base64, Field(max_length=256 * 1024)]
    media_type: MediaType = "application/octet-stream"
    name: FileName = ""


class Limits(Contract):
    """What one task may use; ``deadline_s`` is active time in seconds (held time is free).

    ``budget`` may ask for less than the suite's caps; what it does not name is capped by those.
    """

    deadline_s: int = Field(default=3600, ge=1, le=7 * 86400)
    attempts: int = Field(default=3, ge=1, le=10)
    turns: int = Field(default=12, ge=1, le=200)
    subtasks: int = Field(default=MAX_SUBTASKS, ge=1, le=MAX_SUBTASKS)
    depth: int = Field(default=MAX_DEPTH, ge=1, le=MAX_DEPTH)
    in_flight: int = Field(default=MAX_IN_FLIGHT, ge=1, le=MAX_IN_FLIGHT)
    """Subtasks that may work at the same time."""
    budget: Caps = Caps()


class TaskRequest(Contract):
    """The data of ``quartet.task.submitted.v1``: what a client asks for."""

    pack: Name
    goal: Annotated[str, StringConstraints(min_length=1, max_length=2000), Legible]
    documents: Annotated[tuple[Document, ...], Field(max_length=100)] = ()
    inline: Annotated[tuple[InlineDocument, ...], Field(max_length=10)] = ()
    batch: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] | None = None
    limits: Limits = Limits()


class Task(Contract):
    """A task as the agents see it: inline documents already stored, requester established."""

    id: TaskId
    pack: Name
    goal: str
    requester: str
    tenant: Name = DEFAULT_TENANT
    roles: tuple[Role, ...] = ()
    """The requester's, as established at intake; a task can do no more than they allow."""
    documents: tuple[Document, ...]
    batch: str | None = None
    limits: Limits = Limits()


class Move(Contract):
    """One entry of a task's state history."""

    at: str
    subject: Line
    before: str
    after: str
    why: Line = ""
