"""Which app-id works on a subtask: its specialist, or for a share of the tasks that one's canary.

The choice is made once for a task, when its plan is kept, and stands in its rows from then on.
"""

from hashlib import sha256

from sqlalchemy.orm import Session

from quartet.contracts.base import Name, TaskId
from quartet.packs.load import Pack
from services.coordinator.tables import CanaryRow

POINTS = 10_000
"""Tasks are told apart to the hundredth of a percent."""


def falls_to(canary: Name, task: TaskId, percent: int) -> bool:
    """Return whether a task is among the share of a canary; the same task always or never.

    A larger share only adds tasks, and what one canary gets says nothing of another's.
    """
    drawn = int.from_bytes(sha256(f"{canary} {task}".encode()).digest()[:8]) % POINTS
    return drawn * 100 < percent * POINTS


def chosen(session: Session, pack: Pack, task: TaskId, kind: str) -> str:
    """Return the app-id for a subtask of a task whose plan is being kept."""
    canary = pack.canary_for(kind)
    row = session.get(CanaryRow, canary) if canary else None
    if canary and row and falls_to(canary, task, row.percent):
        return canary
    return pack.app_of(kind)
