"""What a policy may ask of one call: the facts, and their form as a Cedar context."""

import json
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from quartet.contracts.base import Contract, Json, Name, Share
from quartet.contracts.person import DEFAULT_TENANT, Role
from quartet.contracts.policy import Risk
from quartet.policy.compiled import whole

Sum = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=2)]


class Sums(Contract):
    """What has been moved in the currency of the call, this call included.

    ``day`` is the day in UTC, ``month`` that day and the 29 before; by payee, by the agent that
    proposed, by the requester of the task, and by the whole suite.
    """

    payee_day: Sum = Decimal(0)
    payee_month: Sum = Decimal(0)
    agent_day: Sum = Decimal(0)
    agent_month: Sum = Decimal(0)
    requester_day: Sum = Decimal(0)
    requester_month: Sum = Decimal(0)
    suite_day: Sum = Decimal(0)


class CallFacts(Contract):
    """One resolved call as the policy sees it; a call that moves nothing has no currency."""

    tool: str
    agent: Name
    """The app-id that proposed it."""
    kind: Name
    """The kind of its subtask."""
    amount: Sum = Decimal(0)
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$")] = ""
    sums: Sums = Sums()
    reversible: bool = True
    risk: Risk = "low"
    authenticated: bool = True
    roles: tuple[Role, ...] = ("submitter",)
    tenant: Name = DEFAULT_TENANT
    unconfirmed: tuple[str, ...] = ()
    """Critical arguments that come from untrusted data and that nothing confirms."""
    least: str = "trusted-tool"
    """The least trusted integrity among all arguments."""
    confidence: Share = 1.0
    hour: Annotated[int, Field(ge=0, le=23)] = 12
    """The hour of the day, UTC."""

    def context(self) -> str:
        """Return the Cedar context as JSON text, decimals as compiled policies compare them."""
        sums: dict[str, Json] = {name: whole(value) for name, value in self.sums}
        context: dict[str, Json] = {
            "kind": self.kind,
            "amount": whole(self.amount),
            "currency": self.currency,
            "sums": sums,
            "reversible": self.reversible,
            "risk": self.risk,
            "authenticated": self.authenticated,
            "roles": list(self.roles),
            "tenant": self.tenant,
            "unconfirmed": list(self.unconfirmed),
            "least": self.least,
            "confidence": whole(Decimal(repr(self.confidence))),
            "hour": self.hour,
        }
        return json.dumps(context)
