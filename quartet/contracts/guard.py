"""What a guardrail says of a content; the checks themselves are in trust."""

from typing import Literal

from quartet.contracts.base import Contract, Line, Name, Share

Action = Literal["allow", "rewrite", "block"]
"""Least to most: as it is, without what was found, not at all."""


class Flag(Contract):
    """One thing that a guardrail found: its name, how likely it is meant, and where it stands."""

    name: Name
    score: Share
    where: Line = ""
