"""Holding a caller against its transaction token; what the token then allows is the callee's."""

from typing import Annotated

from fastapi import Header

from quartet.contracts.base import Name
from quartet.contracts.token import Claims, TokenWanted
from quartet.resilience.failures import Abandon
from quartet.trust.keys import Keyring
from quartet.trust.signing import NotGenuine
from quartet.trust.tokens import read

TxnToken = Annotated[str, Header()]
"""The header ``Txn-Token``, for a parameter ``txn_token`` of a route."""


class TokenRefused(Abandon):
    """The call is not covered by a transaction token of its caller."""

    status = 403


def held(token: str, keyring: Keyring, caller: Name) -> Claims:
    """Return the claims of the caller's own token; raises TokenRefused."""
    try:
        claims = read(token, keyring)
    except NotGenuine as error:
        raise refused("is missing" if not token else f"does not hold: {error}") from error
    if claims.sub != caller:
        raise refused(f"is that of {claims.sub}, not of {caller}")
    return claims


def check_step(claims: Claims, asked: TokenWanted, skill: str = "", tool: str = "") -> None:
    """Raise TokenRefused unless the token is for this step, and allows the skill or tool."""
    step = claims.tctx
    if (step.task, step.subtask, step.attempt) != (asked.task, asked.subtask, asked.attempt):
        raise refused(f"is for attempt {step.attempt} at {step.subtask!r} of {step.task}")
    if skill and step.skill != skill:
        raise refused(f"is for {step.skill}, not for {skill[:80]}")
    if tool and tool not in step.tools:
        raise refused(f"allows {', '.join(step.tools) or 'no tool'}, not {tool[:80]}")


def refused(why: str) -> TokenRefused:
    """Return the refusal of a token."""
    return TokenRefused(
        f"The transaction token of this call {why}. Ask the coordinator for one for the live step.",
        cause="policy",
    )
