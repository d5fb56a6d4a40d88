"""The leased sweep: what a lost event, a lost workflow or a deadline would leave undone.

One replica holds the lease at a time. Nothing here decides about a task's work: it schedules,
publishes again, wakes and stops.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from quartet.contracts.audit import Act
from quartet.contracts.base import Fields
from quartet.contracts.task import TERMINAL
from quartet.contracts.work import ReviewOrder
from quartet.durable.ports import Engine
from quartet.resilience.failures import Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Publisher
from services.coordinator.activities import event_id
from services.coordinator.lost import Looked, Lost
from services.coordinator.messages import RUN_TASK, Finish, Start, instance_of
from services.coordinator.rows import verdict_of
from services.coordinator.store import TaskStore
from services.coordinator.tables import LeaseRow, SubtaskRow, TaskRow

LEASE = timedelta(seconds=10)
UNCLAIMED = timedelta(seconds=5)
QUIET = timedelta(seconds=10)
"""A claimed task that did not move for so long is looked up in Dapr."""
HELD = timedelta(minutes=1)
MAX_RUNS = 20
log = get_logger("coordinator.sweep")


Duty = Callable[[datetime], None]


@dataclass
class Sweep:
    """One pass a second while it holds the lease."""

    store: TaskStore
    workflows: Engine
    publisher: Publisher
    finish: Callable[[Finish], object]
    lost: Lost
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    every_s: float = 1.0
    record: Callable[[Act], None] = lambda _: None
    more: tuple[Duty, ...] = ()
    """Duties of other parts, in a thread of their own: a toolbox that hangs holds up no other."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sweep in a thread until the block ends."""
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._loop, args=(stop, duties), name="sweep", daemon=True)
            for duties in (self._own(), self.more)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=15)

    def _loop(self, stop: threading.Event, duties: tuple[Duty, ...]) -> None:
        while not stop.wait(self.every_s):
            try:
                self._pass(datetime.now(UTC), duties)
            except Exception:  # the outermost loop: the next pass tries again
                log.exception("a sweep failed; the next one tries again")

    def pass_once(self, now: datetime) -> None:
        """Make one pass of all duties, if the lease is ours."""
        self._pass(now, (*self._own(), *self.more))

    def _pass(self, now: datetime, duties: tuple[Duty, ...]) -> None:
        if not self._leased(now):
            return
        for work in duties:
            try:
                work(now)
            except Failing as error:
                log.warning("%s: %s", work.__name__, error.failure.detail)

    def _own(self) -> tuple[Duty, ...]:
        return (
            self._start_unclaimed,
            self._revive,
            self._review_again,
            self._stop_late,
            self._tell_again,
        )

    def _leased(self, now: datetime) -> bool:
        with self.store.transaction() as session:
            row = session.get(LeaseRow, "sweep")
            if row is None:
                return _first_lease(session, self.owner, now)
            if row.owner == self.owner and row.until > now + LEASE / 2:
                return True
            taken = session.execute(
                update(LeaseRow)
                .where(LeaseRow.name == "sweep")
                .where((LeaseRow.owner == self.owner) | (LeaseRow.until < now))
                .values(owner=self.owner, until=now + LEASE)
            )
            return bool(taken.rowcount)  # type: ignore[attr-defined]

    def _start_unclaimed(self, now: datetime) -> None:
        for start in self._due(TaskRow.claimed.is_(False), now - UNCLAIMED, now):
            with _told(f"task {start.task} is not started yet"):
                # Scheduling what runs blocks for seconds, and may run it twice.
                whole = self.workflows.seen(instance_of(start))
                if whole.status != "live":
                    self.workflows.schedule(RUN_TASK.name, instance_of(start), start)
                elif self.lost.never_claims(start, whole, now):
                    self._replace(start, "stuck")

    def _revive(self, now: datetime) -> None:
        """Give a new run to a claimed, unfinished task whose workflow Dapr has lost."""
        for start in self._due(TaskRow.claimed.is_(True), now - QUIET, now):
            with _told(f"task {start.task} is not looked up"):
                status = self.lost.status(start, now)
                if status != "live":
                    self._replace(start, status)

    def _replace(self, start: Start, status: Looked) -> None:
        log.warning("a workflow of task %s is %s; it runs again", start.task, status)
        self._run_again(start)
        self._record_replaced(start, status)
        # What is left of the old run may do nothing any more; it need not live on.
        self.workflows.terminate(instance_of(start))

    def _record_replaced(self, start: Start, status: Looked) -> None:
        body: Fields = {"run": start.run, "workflow": status}
        named = f"{start.task}.{start.run}.replaced"
        self.record(Act(id=named, kind="task-run-replaced", task=start.task, body=body))

    def _run_again(self, start: Start) -> None:
        """Give a task a new run, which fences the old one; too many of them end it."""
        with self.store.transaction() as session:
            row = session.get_one(TaskRow, start.task, with_for_update=True)
            if row.state in TERMINAL or row.run != start.run:
                return
            if row.runs >= MAX_RUNS:
                row.stop = row.stop or f"no run of {row.runs} came to an end"
                return
            row.run, row.claimed, row.runs = secrets.token_hex(8), False, row.runs + 1
            again = Start(task=row.id, run=row.run)
        self.workflows.schedule(RUN_TASK.name, instance_of(again), again)

    def _due(self, claimed: object, before: datetime, now: datetime) -> list[Start]:
        """Return the runs that did not move since ``before``; they are looked at once a while."""
        with self.store.transaction() as session:
            rows = session.scalars(
                select(TaskRow)
                .where(TaskRow.state.not_in(TERMINAL), TaskRow.checked < before, claimed)  # type: ignore[arg-type]
                .order_by(TaskRow.checked)
                .limit(100)
            ).all()
            for row in rows:
                # What is held may be so for days: it is looked at once a minute.
                row.checked = now if row.deadline else now + HELD - QUIET
            return [Start(task=row.id, run=row.run) for row in rows]

    def _review_again(self, now: datetime) -> None:
        """Wake who has its verdict, and ask the critic again for who has none."""
        with self.store.transaction() as session:
            rows = session.scalars(
                select(SubtaskRow)
                .where(SubtaskRow.state == "reviewing", SubtaskRow.publish_at < now)
                .limit(100)
            ).all()
            wake = [(r.instance, r.attempt) for r in rows if verdict_of(session, r)]
            ask = [r.completed for r in rows if r.completed and not verdict_of(session, r)]
            for row in rows:
                row.publish_at = now + timedelta(seconds=30 * 2 ** min(row.published, 3))
                row.published += 1
        for instance, attempt in wake:
            with _told(f"{instance} is not woken yet"):
                self.workflows.wake(instance, f"reviewed-{attempt}")
        for completed in ask:
            order = ReviewOrder.model_validate(completed)
            with _told(f"{event_id(order)} is not published again yet"):
                self.publisher.publish("subtask-completed", event_id(order), order)

    def _stop_late(self, now: datetime) -> None:
        """End what is past its deadline or asked to stop; its workflows are ended with it."""
        with self.store.transaction() as session:
            rows = session.scalars(
                select(TaskRow)
                .where(TaskRow.state.not_in(TERMINAL))
                .where((TaskRow.deadline < now) | TaskRow.stop.is_not(None))
                .order_by(TaskRow.deadline)
                .limit(100)
            ).all()
            late = []
            for row in rows:
                row.stop = row.stop or "deadline"
                late.append((Start(task=row.id, run=row.run), row.stop))
        for start, why in late:
            with _told(f"task {start.task} is not stopped yet"):
                self.workflows.terminate(instance_of(start))
                self.finish(Finish(start=start, stopped=why))

    def _tell_again(self, _: datetime) -> None:
        """Publish the end of tasks whose event could not be published when they ended."""
        with self.store.reading() as session:
            query = select(TaskRow).where(TaskRow.owes_event, TaskRow.state.in_(TERMINAL))
            owing = [Start(task=r.id, run=r.run) for r in session.scalars(query.limit(100))]
        for start in owing:
            with _told(f"the end of task {start.task} is not published yet"):
                self.finish(Finish(start=start))


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Log what fails for one task and go on with the others; the next pass tries again."""
    try:
        yield
    except Failing as error:
        log.warning("%s: %s", what, error.failure.detail)


def _first_lease(session: Session, owner: str, now: datetime) -> bool:
    try:
        with session.begin_nested():
            session.add(LeaseRow(name="sweep", owner=owner, until=now + LEASE))
    except IntegrityError:
        return False
    return True
