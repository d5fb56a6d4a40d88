"""What Dapr says about a run that does not move: whether it lives, or has lost one of its steps."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import func, select

from quartet.contracts.work import WorkStatus
from quartet.durable.client import NOT_BEGUN, STUCK, Seen, Status
from quartet.durable.ports import Engine
from quartet.resilience.failures import Failing
from quartet.sidecar.ports import Invoker
from services.coordinator.decisions import NEVER
from services.coordinator.messages import Start, instance_of, work_of
from services.coordinator.rows import ENDED, verdict_of
from services.coordinator.store import TaskStore
from services.coordinator.tables import DecisionRow, MoveRow, SubtaskRow, TaskRow

CALL_S = 5.0
GAP = timedelta(minutes=3)
"""Who was not looked at for so long is looked at anew: what did not move meanwhile could not."""
PATIENCE: dict[Status, timedelta] = {
    "ended": timedelta(seconds=8),
    "broken": timedelta(seconds=8),
    "absent": timedelta(minutes=2),
}
"""How long a specialist's work may be seen so while its subtask still waits for it.

An end takes a moment to arrive, a start longer; what arrives later than this was lost: Dapr can
drop the message between two apps when a sidecar of either dies (docs/decisions/0038)."""
UNDER_WAY = ("working", "reviewing", "committing", "held")
Looked = Status | Literal["stuck"]


@dataclass
class Look:
    """What was seen of one instance, since when it was seen so, and when last."""

    seen: tuple[object, ...]
    since: datetime
    last: datetime


@dataclass
class Lost:
    """Looks up the workflows of a run, those of its subtasks, and the work at the specialists.

    What must move and is seen the same in looks that cover ``STUCK`` has lost a step; twice as
    long after each run of the task.
    """

    store: TaskStore
    workflows: Engine
    invoker: Invoker
    _looks: dict[str, Look] = field(default_factory=dict)
    _swept: datetime = NEVER

    def status(self, start: Start, now: datetime) -> Looked:
        """Return how the workflow of a run is, or how what it waits for in vain has ended."""
        self._forget(now)
        whole = self.workflows.seen(instance_of(start))
        if whole.status != "live":
            return whole.status
        living, away = 0, None
        for row in self._under_way(start):
            try:
                part = self.workflows.seen(instance_of(start, row.id))
                living += part.status == "live"
                lost = self._part(start, row, part, now)
            except Failing as error:
                away = error
                continue
            # What has ended, or moved on meanwhile, has moved its subtask: look at that again.
            if lost is not None and self._still(start, row):
                return lost
        if away is not None:
            raise away
        return "stuck" if self._whole(start, whole, now, living) else "live"

    def never_claims(self, start: Start, whole: Seen, now: datetime) -> bool:
        """Return whether a live run that has not claimed its task has lost its first step."""
        return self._stuck(start, instance_of(start), (whole.moved,), now, NOT_BEGUN)

    def _whole(self, start: Start, whole: Seen, now: datetime, living: int) -> bool:
        """Return whether the task's own workflow lost a step, or the end of a subtask."""
        name, moved = instance_of(start), self._moved(start.task)
        if not living:
            return self._stuck(start, name, (whole.moved, moved), now)
        ended = self._moved(start.task, ENDED)
        if ended is None or whole.moved is None or whole.moved >= ended:
            return False
        return self._stuck(start, name, (whole.moved, ended), now)

    def _part(self, start: Start, row: SubtaskRow, part: Seen, now: datetime) -> Looked | None:
        """Return what was lost of a subtask: its workflow, its work, or a step of either."""
        if part.status in ("ended", "broken"):
            return part.status
        if part.status == "absent":
            return None
        seen: tuple[object, ...] = (row.state, row.attempt, part.moved)
        if row.state in ("reviewing", "held"):
            # Being told again moves the workflow, and is no move.
            told = self._told(row)
            if not told:
                return None
            seen = (row.state, row.attempt, told)
        elif row.state == "working":
            name = work_of(start, row.id, row.attempt + 1)
            work = self.invoker.call(row.app_id, f"work/{name}", None, WorkStatus, CALL_S)
            patience, so = PATIENCE.get(work.status), self._unmoved(name, (work.status,), now)
            if patience is not None and not _arrived(work, part):
                return work.status if so >= patience else None
            seen = (*seen, work.status, work.moved)
        stuck = self._stuck(start, instance_of(start, row.id), seen, now)
        return "stuck" if stuck else None

    def _stuck(
        self, start: Start, name: str, seen: tuple[object, ...], now: datetime, times: int = 1
    ) -> bool:
        with self.store.reading() as session:
            row = session.get(TaskRow, start.task)
            runs = row.runs if row else 1
        return self._unmoved(name, seen, now) > STUCK * times * 2.0 ** (runs - 1)

    def _unmoved(self, name: str, seen: tuple[object, ...], now: datetime) -> timedelta:
        look = self._looks.get(name)
        if look is None or look.seen != seen or now - look.last > GAP:
            look = self._looks[name] = Look(seen, now, now)
        look.last = now
        return now - look.since

    def _moved(self, task: str, states: tuple[str, ...] = ()) -> datetime | None:
        query = select(func.max(MoveRow.at)).where(MoveRow.task == task)
        if states:
            query = query.where(MoveRow.subject != "task", MoveRow.after.in_(states))
        with self.store.reading() as session:
            found: datetime | None = session.scalar(query)
            return found

    def _told(self, row: SubtaskRow) -> tuple[object, ...]:
        """Return what a subtask was told and has not acted on: its verdict, or decisions on it."""
        with self.store.reading() as session:
            if row.state == "reviewing":
                verdict = verdict_of(session, row)
                return (verdict.proposal_digest,) if verdict else ()
            of_row = (DecisionRow.task == row.task, DecisionRow.subtask == row.id)
            query = select(DecisionRow.approval).where(*of_row)
            return tuple(session.scalars(query.order_by(DecisionRow.approval)))

    def _forget(self, now: datetime) -> None:
        if now - self._swept > GAP:
            self._looks = {n: one for n, one in self._looks.items() if now - one.last <= GAP}
            self._swept = now

    def _under_way(self, start: Start) -> list[SubtaskRow]:
        with self.store.reading() as session:
            under_way = SubtaskRow.state.in_(UNDER_WAY)
            query = select(SubtaskRow).where(SubtaskRow.task == start.task, under_way)
            return list(session.scalars(query.order_by(SubtaskRow.position).limit(100)))

    def _still(self, start: Start, row: SubtaskRow) -> bool:
        with self.store.reading() as session:
            found = session.get(SubtaskRow, (start.task, row.id))
            return found is not None and (found.state, found.attempt) == (row.state, row.attempt)


def _arrived(work: WorkStatus, part: Seen) -> bool:
    """Return whether a subtask has moved since its work ended: then it has heard of the end."""
    return bool(work.moved and part.moved and part.moved >= work.moved)
