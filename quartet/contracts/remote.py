"""Typed handles of what one app calls in another durably: no caller imports its callee."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from quartet.contracts.base import Contract, Line, Name
from quartet.contracts.failure import Refusal
from quartet.contracts.plan import Plan
from quartet.contracts.task import Task
from quartet.contracts.work import Worked, WorkOrder

Sent = TypeVar("Sent", bound=Contract)
Got = TypeVar("Got", bound=Contract)


@dataclass(frozen=True)
class Remote(Generic[Sent, Got]):
    """An activity or workflow ``name`` on ``app_id``: takes ``sent``, gives ``returns``."""

    app_id: str
    name: str
    sent: type[Sent]
    returns: type[Got]

    def on(self, app_id: str) -> "Remote[Sent, Got]":
        """Return the same handle on another app-id (one image, several specialists)."""
        return Remote(app_id, self.name, self.sent, self.returns)


class PlanOrder(Contract):
    """A plan to draft; after a refused one, with the reasons it was refused for."""

    task: Task
    refused: tuple[Refusal, ...] = ()


class EndedSubtask(Contract):
    """How one subtask ended, as the planner sees it: decisions and outcomes, no document text."""

    id: Name
    kind: Name
    state: str
    decision: str = ""
    outcomes: tuple[Line, ...] = ()


class SynthesisOrder(Contract):
    """What the planner needs to sum a task up."""

    task: Task
    subtasks: tuple[EndedSubtask, ...]


class Synthesis(Contract):
    """The result of a task in one line."""

    summary: Line


DRAFT_PLAN = Remote("planner", "draft_plan", PlanOrder, Plan)
REVISE_PLAN = Remote("planner", "revise_plan", PlanOrder, Plan)
SYNTHESIZE = Remote("planner", "synthesize", SynthesisOrder, Synthesis)
WORK = Remote("specialist", "work", WorkOrder, Worked)
