"""A sweep over a coordinator without Dapr, and what tests ask of it; the clock is an argument."""

from datetime import datetime, timedelta

from services.coordinator.lost import Lost
from services.coordinator.messages import Start
from services.coordinator.sweep import Sweep
from tests.unit.coordinator_desk import TASK_ID, Desk

SECOND = timedelta(seconds=1)


def sweep(at: Desk, owner: str = "first") -> Sweep:
    """Return a sweep with the doubles of the desk around it."""
    lost = Lost(at.store, at.engine, at.peers)
    return Sweep(at.store, at.engine, at.outbox, at.steps.finish_task, lost, owner)


def moved(at: Desk) -> datetime:
    """Return when the task was last seen to move."""
    return at.row().checked


def present(at: Desk) -> Start:
    """Return the run that counts now."""
    return Start(task=TASK_ID, run=at.row().run)
