"""Approvals between processes: what a person is shown, decides, and that it was decided."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartet.contracts.base import (
    Contract,
    Digest,
    Fields,
    Instant,
    Line,
    Name,
    Share,
    TaskId,
    ValueId,
)
from quartet.contracts.label import Integrity
from quartet.contracts.policy import Tier
from quartet.contracts.work import Feedback

ApprovalState = Literal[
    "waiting", "taken-over", "approved", "used", "resolved", "rejected", "expired", "withdrawn"
]
"""Waits; is one person's; may be carried out once; was; was done by hand; the three ends without.

``withdrawn``: the task was closed, or another call took the place of this one.
"""
DecisionKind = Literal["approve", "reject", "take-over", "resolve"]
"""``reject`` with guidance returns the subtask; ``resolve`` says what was done by hand."""


class EvidenceField(Contract):
    """A field of a value that the call uses, by dotted path; the whole value without one."""

    path: Line
    integrity: Integrity


class Evidence(Contract):
    """A value that the call rests on: who produced it, how far it is trusted, what is used."""

    value: ValueId
    tool: str
    producer: Name
    integrity: Integrity
    """The least trusted in it."""
    fields: tuple[EvidenceField, ...] = ()


class Asked(Contract):
    """What a person is shown of a call before deciding; nothing in it changes afterwards.

    ``call`` are the resolved arguments that ``call_digest`` covers. ``asks`` is the question of
    the agent, if it has one.
    """

    task: TaskId
    subtask: Name
    attempt: int
    slot: int
    tool: Name
    effect: Line
    amount: str | None = None
    currency: str | None = None
    counterparty: Line = ""
    reversible: bool
    call: Fields
    call_digest: Digest
    tier: Tier
    approvers: int
    group: Name
    why: tuple[Line, ...] = ()
    policies: tuple[str, ...] = ()
    version: str = ""
    summary: Line = ""
    reason: Line = ""
    confidence: Share
    asks: Line = ""
    evidence: tuple[Evidence, ...] = ()
    alternatives: tuple[Line, ...] = ()
    on_reject: Line
    on_expiry: Line
    requester: str
    tenant: Name
    asked_at: Instant
    expires_at: Instant


class Decided(Contract):
    """One decision of one person on an approval."""

    person: str
    role: Name
    decision: DecisionKind
    reason: Line = ""
    guidance: Feedback = ""
    at: Instant


class ApprovalView(Asked):
    """An approval as it stands now."""

    id: int
    state: ApprovalState
    taken_by: str | None = None
    ended_at: Instant | None = None
    decisions: tuple[Decided, ...] = ()


class ApprovalsWanted(Contract):
    """Which approvals to list: in a state (without one: any that is open), and other filters."""

    state: ApprovalState | None = None
    task: TaskId | None = None
    requester: str | None = None
    group: Name | None = None
    most: int = Field(default=100, ge=1, le=500)


class ApprovalGroup(Contract):
    """Waiting approvals that are alike: one requester, one tool, one counterparty."""

    requester: str
    tool: Name
    counterparty: Line
    count: int
    oldest: Instant
    amounts: dict[str, str] = Field(default_factory=dict)
    """The sum in each currency."""


class ApprovalList(Contract):
    """Approvals, the longest waiting first, and everything that waits, grouped."""

    approvals: tuple[ApprovalView, ...]
    groups: tuple[ApprovalGroup, ...] = ()


class Said(Contract):
    """What a person says with a decision, on exactly the call that was shown: its digest."""

    call_digest: Digest
    reason: Line = ""
    guidance: Feedback = ""


class ApprovalDecision(Said):
    """What a person decides, and says with it."""

    decision: DecisionKind


class Assignment(Contract):
    """The group that is asked from now on, and why."""

    group: Name
    why: Line = ""


class SpokenDecision(ApprovalDecision):
    """What a registered sender signs for a person: once under this id, within five minutes."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{8,100}$")]
    at: Instant
    person: str
    approval: int


class SignedDecision(Contract):
    """A SpokenDecision as a compact JWS of its sender."""

    jws: Annotated[str, StringConstraints(max_length=16_384)]


class ApprovalRequested(Contract):
    """The data of ``quartet.approval.requested.v1``: somebody is asked."""

    approval: int
    task: TaskId
    subtask: Name
    slot: int
    tool: Name
    effect: Line
    amount: str | None = None
    currency: str | None = None
    tier: Tier
    approvers: int
    group: Name
    requester: str
    tenant: Name
    call_digest: Digest
    expires_at: Instant


class ApprovalDecided(Contract):
    """The data of ``quartet.approval.decided.v1``: wakes the subtask, and proves nothing."""

    approval: int
    task: TaskId
    subtask: Name
    attempt: int
    slot: int
    state: ApprovalState


class NumberedDecision(Contract):
    """A decision in the one order in which they became visible."""

    number: Annotated[int, Field(ge=1)]
    decided: ApprovalDecided


class Decisions(Contract):
    """The decisions after a number, oldest first."""

    decisions: tuple[NumberedDecision, ...]
