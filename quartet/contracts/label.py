"""The label of a value: how far it can be trusted and who may read it; the algebra is in trust."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from quartet.contracts.base import Contract, Name

Integrity = Literal["user", "operator", "trusted-tool", "untrusted-source"]
"""Who a value comes from: the authenticated requester, who runs the suite, a tool, a stranger."""
INTEGRITIES: tuple[Integrity, ...] = ("user", "operator", "trusted-tool", "untrusted-source")
"""Most to least trusted."""
ANYONE: Name = "anyone"
"""As the one reader: whoever asks, inside the suite and outside."""
PEOPLE: Name = "people"
"""The people who work with the suite, as a reader; every other reader is an app-id."""


def _normal(readers: tuple[Name, ...]) -> tuple[Name, ...]:
    return (ANYONE,) if ANYONE in readers else tuple(sorted(set(readers)))


Readers = Annotated[tuple[Name, ...], AfterValidator(_normal)]
"""App-ids, ``people`` or ``anyone``, sorted; nobody when empty."""


class Label(Contract):
    """Where a field comes from, and who may read it."""

    integrity: Integrity
    readers: Readers


Labels = dict[str, Label]
"""The labels of a value by dotted path, ``*`` for each item of a list; the longest path counts.

``""`` is the label of every field that has no own one.
"""
