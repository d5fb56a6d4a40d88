"""What Dapr says about a run that does not move: whether it lives, or has lost one of its steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import select

from quartet.contracts.work import WorkStatus
from quartet.durable.client import Status
from quartet.durable.ports import Engine
from quartet.sidecar.ports import Invoker
from services.coordinator.messages import Start, instance_of, work_of
from services.coordinator.store import TaskStore
from services.coordinator.tables import SubtaskRow

CALL_S = 5.0
PATIENCE: dict[Status, timedelta] = {
    "ended": timedelta(seconds=8),
    "broken": timedelta(seconds=8),
    "absent": timedelta(minutes=2),
}
"""How long a specialist's work may be seen so while its subtask still waits for it.

An end takes a moment to arrive, a start longer; what arrives later than this was lost: Dapr can
drop the message between two apps when a sidecar of either dies (docs/decisions/0038)."""
WAITING = ("reviewing", "held")


@dataclass
class Lost:
    """Looks up the workflows of a run, those of its subtasks, and the work at the specialists."""

    store: TaskStore
    workflows: Engine
    invoker: Invoker
    _since: dict[str, datetime] = field(default_factory=dict)
    """When a work was first seen over or absent, by its instance id."""

    def status(self, start: Start, now: datetime) -> Status:
        """Return how the workflow of a run is, or how what it waits for in vain has ended."""
        status = self.workflows.status(instance_of(start))
        if status == "live":
            return next(self._ends(start, now), status)
        return status

    def _ends(self, start: Start, now: datetime) -> Iterator[Status]:
        rows = self._under_way(start)
        alive = {work_of(start, row.id, row.attempt + 1) for row in rows}
        for gone in [name for name in self._since if name.startswith(start.task)]:
            if gone not in alive:
                del self._since[gone]
        for row in rows:
            found = self.workflows.status(instance_of(start, row.id))
            if found in ("ended", "broken"):
                # One that has ended has moved its subtask on before: look at that again.
                if self._still(start, row):
                    yield found
            elif found == "live" and row.state == "working":
                yield from self._work(start, row, now)

    def _work(self, start: Start, row: SubtaskRow, now: datetime) -> Iterator[Status]:
        name = work_of(start, row.id, row.attempt + 1)
        answer = self.invoker.call(row.app_id, f"work/{name}", None, WorkStatus, CALL_S)
        patience = PATIENCE.get(answer.status)
        if patience is None:
            self._since.pop(name, None)
        elif now - self._since.setdefault(name, now) >= patience and self._still(start, row):
            del self._since[name]
            yield answer.status

    def _under_way(self, start: Start) -> list[SubtaskRow]:
        with self.store.reading() as session:
            under_way = SubtaskRow.state.in_(("working", *WAITING))
            query = select(SubtaskRow).where(SubtaskRow.task == start.task, under_way)
            return list(session.scalars(query.order_by(SubtaskRow.position).limit(100)))

    def _still(self, start: Start, row: SubtaskRow) -> bool:
        with self.store.reading() as session:
            found = session.get(SubtaskRow, (start.task, row.id))
            return found is not None and (found.state, found.attempt) == (row.state, row.attempt)
