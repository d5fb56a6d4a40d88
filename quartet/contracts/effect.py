"""What the toolbox is told and answers: plans, values, effects; its gate lives in the service."""

from typing import Literal

from pydantic import Field

from quartet.contracts.base import (
    Contract,
    Digest,
    Fields,
    Json,
    Line,
    Name,
    TaskId,
    Usd,
    ValueId,
)
from quartet.contracts.budget import ReservationId
from quartet.contracts.guard import Flag
from quartet.contracts.label import Labels
from quartet.contracts.person import DEFAULT_TENANT, Role
from quartet.contracts.plan import Plan
from quartet.contracts.policy import Tier
from quartet.contracts.work import Feedback, Verdict, WorkResult

EffectStatus = Literal[
    "applied", "held", "duplicate", "rejected", "expired", "resolved", "compensated"
]
"""``resolved``: a person did by hand what the effect was for; it is never applied."""


class Registration(Contract):
    """The plan of a task, before any of it runs; the first one registered stays.

    ``signature`` is the coordinator's, over all the rest.
    """

    task: TaskId
    requester: str
    asked_by: str = Field(default="", exclude_if=lambda asked_by: not asked_by)
    """Who asked for a task that runs as anonymous, where the console knows: decides nothing of it.

    Left out where nobody is known: what was signed before there was the field stays signed.
    """
    tenant: Name = DEFAULT_TENANT
    roles: tuple[Role, ...] = ()
    plan: Plan
    goal: str = ""
    """What the requester asked for, word for word: what stands in it was given by them."""
    documents: tuple[Digest, ...] = ()
    agents: dict[Name, Name] = Field(default_factory=dict, exclude_if=lambda agents: not agents)
    """Which canary works on which subtask; where nothing is said, the pack's specialist.

    Left out where there is none: so an older toolbox takes the message too.
    """
    signature: str = ""


class Registered(Contract):
    """The plan that counts: the first that was registered for the task."""

    plan_digest: Digest


class Commit(Contract):
    """A reviewed proposal to carry out: the whole reviewed result and which slot of it.

    With the digest of the plan, the specialist's signature, and the critic's in the verdict.
    """

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=1)
    slot: int = Field(ge=1)
    plan: Digest
    result: WorkResult
    signature: str
    verdict: Verdict


class Outcome(Contract):
    """What became of an effect key; stored, and given again to whoever asks again.

    ``held`` waits for a person; ``duplicate`` names the task whose live effect has the natural
    key in ``duplicate_of``, unless it is another tenant's; ``guidance`` is what a person who
    rejected it wants done instead.
    """

    task: TaskId
    slot: int
    tool: Name
    status: EffectStatus
    says: Line
    proposal_digest: Digest
    call_digest: Digest
    natural_key: str | None = None
    duplicate_of: TaskId | None = None
    result: Fields = Field(default_factory=dict)
    guidance: Feedback = ""
    tier: Tier | None = None
    policies: tuple[str, ...] = ()
    """The ids of the policies that made the tier."""


class Undo(Contract):
    """Compensate every applied effect of a task, newest first, and free what is held."""

    task: TaskId
    why: Line


class Undone(Contract):
    """What was undone, and what could not be (a manual case for a person)."""

    undone: tuple[int, ...] = ()
    manual: tuple[Line, ...] = ()


class ToolCall(Contract):
    """A call of a read tool; arguments may hold references to values of the task."""

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=1)
    arguments: Fields = Field(default_factory=dict)


class ToolAnswer(Contract):
    """A read tool's result, and the value id under which the toolbox keeps it."""

    value: ValueId
    result: Json


class Spend(Contract):
    """What one call used: tokens, and its price in US dollars as a decimal string."""

    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: Usd = "0"
    model: str = ""
    provider: str = ""


class Settlement(Contract):
    """A value with its cost, delivered by reader or models after a call that they reserved."""

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=0)
    caller: Name
    tool: str
    arguments_digest: Digest
    value: Json
    spend: Spend = Spend()
    flags: tuple[Flag, ...] = ()
    """What guardrails found, before and besides those of the toolbox."""
    asked: Json = None
    """What was asked, of which ``arguments_digest`` is taken: a prompt, or a tool's arguments."""
    reservation: ReservationId | None = None
    """None only inside the toolbox, which reserves and settles its own reads at once."""


class Settled(Contract):
    """Where the value is kept."""

    value: ValueId


class StoredValue(Contract):
    """A value as kept: which tool or model produced it, for whom, from which arguments.

    ``content`` is what its reader may see; ``withheld`` names the paths of what it may not.
    """

    value: ValueId
    subtask: Name
    producer: Name
    caller: Name
    tool: str
    arguments_digest: Digest
    content: Json
    labels: Labels = Field(default_factory=dict)
    withheld: tuple[str, ...] = ()
