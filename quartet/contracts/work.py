"""What a specialist is asked and answers, and the critic's verdict on it; effects are elsewhere."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartet.contracts.base import (
    Contract,
    Digest,
    Fields,
    Line,
    Name,
    Share,
    TaskId,
    ValueId,
)
from quartet.contracts.failure import Failure
from quartet.contracts.plan import Subtask
from quartet.contracts.text import Legible

Feedback = Annotated[str, StringConstraints(max_length=2000), Legible]


class Finding(Contract):
    """One check that was made: its name, whether it holds, and what it says."""

    name: Name
    passed: bool
    says: Line = ""


class Proposal(Contract):
    """An effect that a specialist proposes for one slot of the plan.

    ``arguments`` hold literals or references ``$val-<hex>.path.to.field``, which the toolbox
    resolves from its stored values.
    """

    slot: int = Field(ge=1)
    tool: Name
    arguments: Fields
    reason: Line = ""


class WorkResult(Contract):
    """The typed result of one subtask: a small decision, its grounds, and proposals.

    ``asks`` is a question for a person: with one, no proposal is carried out before somebody
    has approved it. For what is unsure, cannot be undone, or is outside the specialist's domain.
    """

    decision: Name
    summary: Line = ""
    confidence: Share = 1.0
    asks: Line = ""
    findings: Annotated[tuple[Finding, ...], Field(max_length=50)] = ()
    values: Annotated[tuple[ValueId, ...], Field(max_length=50)] = ()
    proposals: Annotated[tuple[Proposal, ...], Field(max_length=20)] = ()


class Given(Contract):
    """What an earlier subtask hands on: its decision and the values that carry its evidence."""

    subtask: Name
    decision: Name
    values: tuple[ValueId, ...] = ()


class WorkOrder(Contract):
    """One attempt at one subtask, as sent to the specialist's ``work`` workflow.

    ``plan`` is the digest of the task's plan: what comes of the work names it.
    """

    task: TaskId
    pack: Name
    plan: Digest
    subtask: Subtask
    attempt: int = Field(ge=1)
    given: tuple[Given, ...] = ()
    feedback: Feedback = ""
    turns: int = Field(default=12, ge=1, le=200)


class Turn(Contract):
    """The next turn of an agent's loop; the conversation so far is kept by reference."""

    order: WorkOrder
    number: int = Field(ge=0)


class Worked(Contract):
    """What ``work`` returns: the result, and the signature over its proposal digest."""

    result: WorkResult
    signature: str


class WorkStatus(Contract):
    """What a specialist's own sidecar says about one work: ``broken`` has lost its history."""

    status: Literal["absent", "live", "ended", "broken"]
    moved: datetime | None = None
    """When its history last grew; None from a specialist of before that."""


class TurnEnd(Contract):
    """How a turn ended: with the signed result, or asking for another turn."""

    worked: Worked | None = None


Decision = Literal["accept", "revise", "reject"]


class ReviewOrder(Contract):
    """The data of ``quartet.subtask.completed.v1``: a result that waits for the critic."""

    order: WorkOrder
    by: Name
    result: WorkResult
    signature: str
    """Of the specialist ``by``, over the proposal digest."""
    proposal_digest: Digest


class Verdict(Contract):
    """The data of ``quartet.subtask.reviewed.v1``: the critic's decision on one proposal digest.

    ``signature`` is the critic's, over all the rest.
    """

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=1)
    proposal_digest: Digest
    decision: Decision
    reasons: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    failure: Failure | None = None
    """Why there is no judgement: the task then ends with this failure."""
    by: Name = "critic"
    signature: str = ""
