"""What calls may use and the messages that keep them to it; the accounts are in the toolbox.

Four accounts carry each call: the task's, and those of the agent, the user and the tenant for the
day (UTC). The worst case is reserved before the call and settled after it.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from quartet.contracts.base import Contract, Digest, Fields, Instant, Line, Name, Share, TaskId, Usd
from quartet.contracts.person import DEFAULT_TENANT

Scope = Literal["task", "agent", "user", "day"]
CallKind = Literal["model", "tool"]
ReservationId = Annotated[str, StringConstraints(pattern=r"^res-[0-9a-f]{24}$")]
EXCEEDED = "BudgetExceeded"
"""The title of the failure that ends a task at a hard limit."""
BUSY = "BudgetBusy"
"""There is room once calls in flight have ended."""
ASKED = "BudgetAsked"
PAUSED = "AgentPaused"
FOR_A_PERSON = frozenset((ASKED, PAUSED))
"""Titles of refusals that only a person ends; whoever meets one waits, however long."""


class Caps(Contract):
    """The most of each measure; None is not capped."""

    cost_usd: Usd | None = None
    tokens: int | None = Field(default=None, ge=0, le=10**12)
    model_calls: int | None = Field(default=None, ge=0, le=10**9)
    tool_calls: int | None = Field(default=None, ge=0, le=10**9)

    def within(self, most: "Caps") -> "Caps":
        """Return these caps where they name one that is no more than that of ``most``."""
        too_much = self.above(most)
        own = self.model_dump(exclude_none=True, exclude=set(too_much))
        return most.model_copy(update=own)

    def above(self, most: "Caps") -> tuple[str, ...]:
        """Return the measures in which these caps ask for more than ``most`` allows."""
        return tuple(
            name
            for name in type(self).model_fields
            if (asked := getattr(self, name)) is not None
            and (cap := getattr(most, name)) is not None
            and Decimal(asked) > Decimal(cap)
        )


class Budgets(Contract):
    """The suite's caps for each scope; a soft limit is a share of a task's money."""

    task: Caps = Caps(cost_usd="5.00", tokens=2_000_000, model_calls=2000, tool_calls=4000)
    agent: Caps = Caps(cost_usd="200.00")
    user: Caps = Caps(cost_usd="100.00")
    day: Caps = Caps(cost_usd="500.00")
    soft: Share = 0.8
    """From this share of its money on a task asks a person; 1 never asks."""


class Opening(Contract):
    """The budget of a task, before anything is called for it; the first one stays."""

    task: TaskId
    requester: str
    tenant: Name = DEFAULT_TENANT
    caps: Caps = Caps()


class Opened(Contract):
    """The caps that hold: what was asked for, within the suite's."""

    caps: Caps


class Reserve(Contract):
    """A call about to be made and the most it may use; refused when that does not fit.

    The same call again means that the end of the earlier one is unknown: that one is settled at
    its worst case. ``timeout_s`` is how long the call may take.
    """

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=0)
    caller: Name
    kind: CallKind
    name: str
    arguments_digest: Digest
    asked: Fields | None = Field(default=None, exclude_if=lambda asked: asked is None)
    """The arguments themselves, where they name the document that is about to be read."""
    cost_usd: Usd = "0"
    tokens: int = Field(default=0, ge=0, le=10**12)
    timeout_s: float = Field(gt=0, le=600)


class Reserved(Contract):
    """The reservation to settle, or to release when the call was never made."""

    reservation: ReservationId


class Release(Contract):
    """A reserved call that was not made, or that cost nothing for sure."""

    task: TaskId
    reservation: ReservationId
    why: Line


class Released(Contract):
    """Whether the reservation was still open."""

    released: bool


class Waits(Contract):
    """Since when a task's calls wait for a person; None when they do not."""

    since: Instant | None = None
