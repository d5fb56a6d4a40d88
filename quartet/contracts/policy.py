"""What the policy says of one call: its tier and what made it; the engine is in quartet.policy."""

from typing import Annotated, Literal

from pydantic import Field

from quartet.contracts.base import Contract, Line, Name

Tier = Literal["autonomous", "notify", "approve", "escalate", "deny"]
"""Least to most: act; act and tell; a person approves; a person takes over; never."""
TIERS: tuple[Tier, ...] = ("autonomous", "notify", "approve", "escalate", "deny")
Mode = Literal["enforce", "log-only"]
"""``log-only`` records the ruling and lets through what the pack's policy alone had raised."""
MODES: tuple[Mode, ...] = ("enforce", "log-only")
Risk = Literal["low", "medium", "high"]
"""How risky a tool says that one call of it is, from what it knows of the counterparty."""


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
    logged: Tier | None = None
    """In mode log-only: the tier that ``enforce`` would have given, where ``tier`` is below it."""
