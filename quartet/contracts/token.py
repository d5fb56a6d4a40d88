"""Transaction tokens: what an agent asks for before a live step, and what its token says."""

from typing import Annotated

from pydantic import Field

from quartet.contracts.base import Contract, Name, TaskId, Usd


class TokenWanted(Contract):
    """The step that somebody works on; the planner's is subtask ``plan``, attempt 0."""

    task: TaskId
    subtask: Name
    attempt: int = Field(ge=0)


class TokenGiven(Contract):
    """A signed token, for the header ``Txn-Token``; ``expires_in_s`` counts from its issue."""

    token: str
    expires_in_s: int


class Transaction(TokenWanted):
    """What may be done under a token: one skill, its read tools, the task's limit of spend."""

    skill: str
    """Role and skill, such as ``specialist.read-invoice``."""
    tools: tuple[str, ...] = ()
    spend_usd: Usd | None = None


class Behalf(Contract):
    """The person behind the task."""

    requester: str
    tenant: Name


class Claims(Contract):
    """The claims of a transaction token (IETF OAuth draft), all of them."""

    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    txn: TaskId
    sub: Name
    scope: Annotated[str, Field(min_length=1)]
    tctx: Transaction
    rctx: Behalf
