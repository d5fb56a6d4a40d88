"""What the policy says of one call: its tier and what made it; the engine is in the toolbox."""

from typing import Annotated, Literal

from pydantic import Field

from quartet.contracts.base import Contract, Line, Name

Tier = Literal["autonomous", "notify", "approve", "escalate", "deny"]
"""Least to most: act; act and tell; a person approves; a person takes over; never."""
TIERS: tuple[Tier, ...] = ("autonomous", "notify", "approve", "escalate", "deny")


def rank(tier: Tier) -> int:
    """Return how strict a tier is; 0 acts by itself."""
    return TIERS.index(tier)


class Ruling(Contract):
    """The decision on one resolved call, with the ids of the policies that made it.

    ``approvers`` is how many different people must approve (0 below the tier approve);
    ``version`` names the exact policy text. ``reasons`` are for people.
    """

    tier: Tier
    approvers: Annotated[int, Field(ge=0, le=2)] = 0
    policies: tuple[str, ...] = ()
    reasons: tuple[Line, ...] = ()
    version: str = ""
    group: Name = "approvers"
    """The group of people that is asked."""
