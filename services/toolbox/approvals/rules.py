"""How long approvals wait and how many may; who may decide is in deciding."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Rules:
    """The limits of approvals.

    ``use_within`` is how long an approved call may still be carried out, at least. A request
    over a limit is refused: people who are asked too much stop reading what they approve.
    """

    expires_after: timedelta = timedelta(days=7)
    use_within: timedelta = timedelta(days=1)
    waiting_per_task: int = 20
    waiting_per_requester: int = 200
    asked_per_day: int = 500
    """Of one requester, in 24 hours."""


RULES = Rules()
