"""What Dapr says about a run that does not move: whether it lives, or has lost one of its steps."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from quartet.contracts.work import WorkStatus
from quartet.durable.client import STUCK, Seen, Status
from quartet.durable.ports import Engine
from quartet.sidecar.ports import Invoker
from services.coordinator.messages import Start, instance_of, work_of
from services.coordinator.store import TaskStore
from services.coordinator.tables import DecisionRow, MoveRow, ReviewRow, SubtaskRow, TaskRow

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
UNDER_WAY = ("working", "reviewing", "committing", "held")
UNHEARD = 6
"""A decision that was told so often, over five minutes, and acted on by nobody was lost too."""
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
        whole = self.workflows.seen(instance_of(start))
        if whole.status != "live":
            return whole.status
        rows = self._under_way(start)
        self._forget(start, rows, now)
        living = 0
        for row in rows:
            part = self.workflows.seen(instance_of(start, row.id))
            if part.status == "live":
                living += 1
                lost = self._part(start, row, part, now)
            else:
                lost = part.status if part.status in ("ended", "broken") else None
            # What has ended, or moved on meanwhile, has moved its subtask: look at that again.
            if lost is not None and self._still(start, row):
                return lost
        if not living and self._stuck(start, now, whole.moved, self._moved(start.task)):
            return "stuck"
        return "live"

    def _part(self, start: Start, row: SubtaskRow, part: Seen, now: datetime) -> Looked | None:
        """Return what was lost of a subtask whose workflow lives: a work, or a step of either."""
        moved = self._moved(start.task, row.id)
        if row.state == "held":
            return "stuck" if self._told(row) > UNHEARD else None
        if row.state == "reviewing":
            # The critic is asked again and again, which wakes the workflow: that is no move.
            reviewed = self._reviewed(row)
            stuck = reviewed is not None and self._stuck(start, now, reviewed, moved)
            return "stuck" if stuck else None
        working = None
        if row.state == "working":
            name = work_of(start, row.id, row.attempt + 1)
            work = self.invoker.call(row.app_id, f"work/{name}", None, WorkStatus, CALL_S)
            if (patience := PATIENCE.get(work.status)) is not None:
                lost = now - self._since.setdefault(name, now) >= patience
                return work.status if lost else None
            self._since.pop(name, None)
            working = work.moved
        stuck = self._stuck(start, now, moved, part.moved, working)
        return "stuck" if stuck else None

    def _stuck(self, start: Start, now: datetime, *moved: datetime | None) -> bool:
        with self.store.reading() as session:
            row = session.get(TaskRow, start.task)
            runs = row.runs if row else 1
        known = [at for at in moved if at is not None]
        last = max(known) if known else self._moved(start.task)
        return last is not None and now - last > STUCK * 2.0 ** (runs - 1)

    def _moved(self, task: str, subject: str | None = None) -> datetime | None:
        query = select(func.max(MoveRow.at)).where(MoveRow.task == task)
        if subject is not None:
            query = query.where(MoveRow.subject == subject)
        with self.store.reading() as session:
            found: datetime | None = session.scalar(query)
            return found

    def _reviewed(self, row: SubtaskRow) -> datetime | None:
        with self.store.reading() as session:
            key = (row.task, row.id, row.attempt, row.proposal_digest)
            found = session.get(ReviewRow, key)
            return found.at if found else None

    def _told(self, row: SubtaskRow) -> int:
        told = select(func.max(DecisionRow.woken)).where(
            DecisionRow.task == row.task, DecisionRow.subtask == row.id
        )
        with self.store.reading() as session:
            return session.scalar(told) or 0

    def _forget(self, start: Start, rows: list[SubtaskRow], now: datetime) -> None:
        alive = {work_of(start, row.id, row.attempt + 1) for row in rows}
        self._since = {
            name: since
            for name, since in self._since.items()
            if name in alive or (not name.startswith(start.task) and now - since < FORGOTTEN)
        }

    def _under_way(self, start: Start) -> list[SubtaskRow]:
        with self.store.reading() as session:
            under_way = SubtaskRow.state.in_(UNDER_WAY)
            query = select(SubtaskRow).where(SubtaskRow.task == start.task, under_way)
            return list(session.scalars(query.order_by(SubtaskRow.position).limit(100)))

    def _still(self, start: Start, row: SubtaskRow) -> bool:
        with self.store.reading() as session:
            found = session.get(SubtaskRow, (start.task, row.id))
            return found is not None and (found.state, found.attempt) == (row.state, row.attempt)
