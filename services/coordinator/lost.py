"""What Dapr says about a run that does not move: whether it lives, or has lost one of its steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from quartet.contracts.work import WorkStatus
from quartet.durable.client import Status
from quartet.durable.ports import Engine
from quartet.sidecar.ports import Invoker
from services.coordinator.messages import Start, instance_of, work_of
from services.coordinator.store import TaskStore
from services.coordinator.tables import MoveRow, SubtaskRow, TaskRow

CALL_S = 5.0
FORGOTTEN = timedelta(hours=1)
"""What was seen of a task that has ended since is kept no longer."""
PATIENCE: dict[Status, timedelta] = {
    "ended": timedelta(seconds=8),
    "broken": timedelta(seconds=8),
    "absent": timedelta(minutes=2),
}
"""How long a specialist's work may be seen so while its subtask still waits for it.

An end takes a moment to arrive, a start longer; what arrives later than this was lost: Dapr can
drop the message between two apps when a sidecar of either dies (docs/decisions/0038)."""
WAITING = ("reviewing", "held")
STUCK = timedelta(minutes=5)
"""A live run in which nothing has moved for so long is given up, twice as late after each run.

An activity can be lost like a work, and nobody can be asked about one."""
AT_WORK = 4
"""So many times longer where a specialist says that it works: models may be slow."""
Looked = Status | Literal["stuck"]


@dataclass
class Lost:
    """Looks up the workflows of a run, those of its subtasks, and the work at the specialists."""

    store: TaskStore
    workflows: Engine
    invoker: Invoker
    _since: dict[str, datetime] = field(default_factory=dict)
    """When a work was first seen over or absent, by its instance id."""

    def status(self, start: Start, now: datetime) -> Looked:
        """Return how the workflow of a run is, or how what it waits for in vain has ended."""
        status = self.workflows.status(instance_of(start))
        if status != "live":
            return status
        rows, living = self._under_way(start), set[str]()
        if (found := next(self._ends(start, rows, now, living), None)) is not None:
            return found
        waits = any(row.state in WAITING for row in rows)
        patience = STUCK * AT_WORK if living else STUCK
        return "stuck" if not waits and self._stuck(start, now, patience) else "live"

    def _stuck(self, start: Start, now: datetime, patience: timedelta) -> bool:
        with self.store.reading() as session:
            row = session.get(TaskRow, start.task)
            last = select(func.max(MoveRow.at)).where(MoveRow.task == start.task)
            moved: datetime | None = session.scalar(last)
        if row is None or row.deadline is None or moved is None:
            return False
        return now - moved > patience * 2.0 ** (row.runs - 1)

    def _ends(
        self, start: Start, rows: list[SubtaskRow], now: datetime, living: set[str]
    ) -> Iterator[Status]:
        alive = {work_of(start, row.id, row.attempt + 1) for row in rows}
        self._since = {
            name: since
            for name, since in self._since.items()
            if name in alive or (not name.startswith(start.task) and now - since < FORGOTTEN)
        }
        for row in rows:
            found = self.workflows.status(instance_of(start, row.id))
            if found in ("ended", "broken"):
                # One that has ended has moved its subtask on before: look at that again.
                if self._still(start, row):
                    yield found
            elif found == "live" and row.state == "working":
                yield from self._work(start, row, now, living)

    def _work(
        self, start: Start, row: SubtaskRow, now: datetime, living: set[str]
    ) -> Iterator[Status]:
        name = work_of(start, row.id, row.attempt + 1)
        answer = self.invoker.call(row.app_id, f"work/{name}", None, WorkStatus, CALL_S)
        patience = PATIENCE.get(answer.status)
        if patience is None:
            self._since.pop(name, None)
            living.add(name)
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
