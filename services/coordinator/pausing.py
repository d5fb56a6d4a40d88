"""Time stands still for what waits on a person: a paused agent, or more money; not for holds."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from quartet.contracts.budget import Waits
from quartet.contracts.task import TERMINAL
from quartet.resilience.failures import Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Invoker
from services.coordinator.store import TaskStore
from services.coordinator.tables import TaskRow

SOON = timedelta(seconds=5)
"""How long before a deadline it is asked whether its task waits for a person."""
LEAST = timedelta(minutes=1)
ASK_TIMEOUT_S = 3.0
log = get_logger("coordinator.pausing")


@dataclass(frozen=True)
class Pauses:
    """Asks the toolbox about tasks whose deadline is near; a duty of the sweep."""

    store: TaskStore
    invoker: Invoker

    def give_time(self, now: datetime) -> None:
        """Give a task that waits for a person the time again that it had when the wait began.

        While the toolbox cannot be asked, deadlines stand as they are.
        """
        for task, deadline in self._nearly_late(now):
            try:
                waits = self.invoker.call("toolbox", f"waits/{task}", None, Waits, ASK_TIMEOUT_S)
            except Failing as error:
                log.warning("whether %s waits is not known: %s", task, error.failure.detail)
                return
            if waits.since is not None:
                self._move(task, deadline, now + max(deadline - waits.since, LEAST))

    def _nearly_late(self, now: datetime) -> list[tuple[str, datetime]]:
        query = (
            select(TaskRow.id, TaskRow.deadline)
            .where(TaskRow.state.not_in(TERMINAL), TaskRow.stop.is_(None))
            .where(TaskRow.deadline < now + SOON)
            .limit(100)
        )
        with self.store.reading() as session:
            return [(row.id, row.deadline) for row in session.execute(query) if row.deadline]

    def _move(self, task: str, before: datetime, after: datetime) -> None:
        with self.store.transaction() as session:
            row = session.get_one(TaskRow, task, with_for_update=True)
            if row.deadline == before and row.stop is None and row.state not in TERMINAL:
                row.deadline = after
