"""Whom a person's own token stands for, as the toolbox establishes it; no caller is believed."""

from collections.abc import Callable
from typing import ClassVar

from quartet.contracts.person import Person
from quartet.resilience.failures import Abandon

Identify = Callable[[str], Person]


class NotSignedIn(Abandon):
    """The token of the person is missing, or stands for nobody."""

    status: ClassVar[int | None] = 401


def nobody(token: str) -> Person:
    """Refuse every token."""
    del token
    says = "Nobody can sign in to decide here: this toolbox trusts no issuer of people's tokens."
    raise NotSignedIn(says, cause="policy", title="NotSignedIn")
