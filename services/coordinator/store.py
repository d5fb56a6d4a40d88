"""The task store: rows in, typed messages out, legal moves only; what calls others is elsewhere."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from quartet.contracts.base import Fields
from quartet.contracts.effect import Outcome
from quartet.contracts.failure import Failure, Refusal
from quartet.contracts.plan import Kind, Plan
from quartet.contracts.task import TERMINAL, Task
from quartet.contracts.work import ReviewOrder, Verdict, Worked, WorkResult
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon
from quartet.service.database import READING, told
from services.coordinator.messages import (
    Claimed,
    Closed,
    DraftedPlan,
    Opened,
    Start,
    instance_of,
)
from services.coordinator.rows import (
    ENDED,
    attempt_closed,
    check_same,
    entry,
    move_subtask,
    move_task,
    open_subtasks,
    own,
    subtask_row,
    verdict_of,
)
from services.coordinator.tables import ReviewRow, SubtaskRow, TaskRow

WAKE_AGAIN = timedelta(seconds=5)
"""How soon the sweep looks whether a stored verdict has woken its subtask."""


class TaskStore:
    """The coordinator's database; every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine of a migrated database."""
        self._engine = engine
        # SQLite lets one writer in: here they queue, there they would sleep and look again.
        self._writer: AbstractContextManager[object] = nullcontext()
        if engine.dialect.name == "sqlite":
            self._writer = Lock()
        self._reader = engine.execution_options(**{READING: True})

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction; it is committed when the block ends well.

        Raises RetryLater when the database is away or stays locked.
        """
        with (
            told("task store", "TaskStoreAway"),
            self._writer,
            Session(self._engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a transaction that only reads; it waits for no writer and holds none up."""
        with (
            told("task store", "TaskStoreAway"),
            Session(self._reader, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def accept(
        self, task: Task, source: str, event_id: str, run: str, asked_by: str = ""
    ) -> Start | None:
        """Insert a task once; return its start, or None when it is there already."""
        now = datetime.now(UTC)
        row = TaskRow(
            id=task.id,
            source=source,
            event_id=event_id,
            requester=task.requester,
            asked_by=asked_by,
            tenant=task.tenant,
            batch=task.batch,
            task=task.model_dump(mode="json"),
            state="submitted",
            run=run,
            created=now,
            changed=now,
            checked=now,
            deadline=now + timedelta(seconds=task.limits.deadline_s),
        )
        try:
            with self.transaction() as session:
                session.add(row)
                session.flush()
                session.add(entry(task.id, "task", ("", "submitted"), "accepted"))
        except IntegrityError:
            with self.reading() as session:
                check_same(session.get_one(TaskRow, task.id), task, asked_by)
            return None
        return Start(task=task.id, run=run)

    def claim(self, start: Start) -> Claimed:
        """Give the task to this run if it is the run that was started, and not ended."""
        with self.transaction() as session:
            row = session.get(TaskRow, start.task)
            if row is None or row.run != start.run or row.state in TERMINAL:
                return Claimed()
            row.claimed = True
            if row.state == "submitted":
                move_task(session, row, "planning")
            row.checked = datetime.now(UTC)
            return Claimed(
                task=Task.model_validate(row.task),
                failure=Failure.model_validate(row.failure) if row.failure else None,
                plan=Plan.model_validate(row.plan) if row.state == "running" else None,
                closed=tuple(closed(s) for s in _subtasks(session, row.id) if s.state in ENDED),
                opened=tuple(
                    _opened(s)
                    for s in _subtasks(session, row.id)
                    if s.state not in ENDED and s.attempt
                ),
                agents={s.id: s.app_id for s in _subtasks(session, row.id)},
            )

    def keep_plan(self, drafted: DraftedPlan, pack: Pack) -> tuple[Task, Plan, tuple[Refusal, ...]]:
        """Keep a valid plan unless the task has one; return the plan that counts."""
        with self.transaction() as session:
            row = own(session, drafted.start)
            task = Task.model_validate(row.task)
            if row.plan is not None:
                return task, Plan.model_validate(row.plan), ()
            kinds = {s.kind: Kind(s.may_propose, s.decisions) for s in pack.manifest.skills}
            documents = {d.digest for d in task.documents}
            if refused := drafted.plan.problems(
                kinds, pack.of_kind("write"), documents, task.limits
            ):
                return task, drafted.plan, refused
            open_subtasks(session, row, drafted.plan, pack)
            return task, drafted.plan, ()

    def agents(self, task: str) -> dict[str, str]:
        """Return the app-id that works on each subtask, as chosen when the plan was kept."""
        with self.reading() as session:
            return {s.id: s.app_id for s in _subtasks(session, task)}

    def asked_by(self, task: str) -> str:
        """Return who asked for a task that runs as anonymous; empty where nobody knows."""
        with self.reading() as session:
            return session.get_one(TaskRow, task).asked_by

    def start_running(self, start: Start) -> None:
        """Note that the plan is registered and subtasks may begin."""
        with self.transaction() as session:
            row = own(session, start)
            if row.state == "planning":
                move_task(session, row, "running")

    def keep_result(self, start: Start, completed: ReviewOrder) -> tuple[ReviewOrder, bool]:
        """Keep the result of an attempt unless there is one.

        Return the one that counts, and whether its verdict is there already.
        """
        order = completed.order
        with self.transaction() as session:
            own(session, start)
            row = subtask_row(session, order.task, order.subtask.id)
            row.instance = instance_of(start, row.id)
            if row.attempt == order.attempt and row.completed is not None:
                counts = ReviewOrder.model_validate(row.completed)
                return counts, verdict_of(session, row) is not None
            if attempt_closed(row, order.attempt):
                says = f"Attempt {order.attempt} at {row.id!r} is closed; its late result is lost."
                raise Abandon(says, cause="data", title="AttemptClosed")
            row.attempt = order.attempt
            row.result = completed.result.model_dump(mode="json")
            row.completed = completed.model_dump(mode="json")
            row.proposal_digest = completed.proposal_digest
            row.published, row.publish_at = 1, datetime.now(UTC) + timedelta(seconds=30)
            if row.state == "working":
                move_subtask(session, row, "reviewing", f"attempt {order.attempt}")
            return completed, False

    def keep_verdict(self, verdict: Verdict) -> str | None:
        """Store a verdict unless there is one; return the instance to wake, if any waits."""
        with self.transaction() as session:
            key = (verdict.task, verdict.subtask, verdict.attempt, verdict.proposal_digest)
            row = session.get(SubtaskRow, (verdict.task, verdict.subtask))
            if row is None:
                raise Abandon(
                    f"There is no subtask {verdict.subtask!r} of task {verdict.task}.",
                    cause="data",
                    title="UnknownSubtask",
                )
            if session.get(ReviewRow, key) is None:
                session.add(
                    ReviewRow(
                        task=verdict.task,
                        subtask=verdict.subtask,
                        attempt=verdict.attempt,
                        proposal_digest=verdict.proposal_digest,
                        verdict=verdict.model_dump(mode="json"),
                        at=datetime.now(UTC),
                    )
                )
            if row.state != "reviewing" or row.attempt != verdict.attempt:
                return None
            row.publish_at = datetime.now(UTC) + WAKE_AGAIN
            return row.instance

    def owe_event(self, task: str, *, owed: bool) -> None:
        """Note whether the event of a task's end is still to be published."""
        with self.transaction() as session:
            session.get_one(TaskRow, task).owes_event = owed

    def ask_stop(self, task: str, why: str) -> bool:
        """Note that a task shall stop; return False when it has ended or is unknown."""
        with self.transaction() as session:
            row = session.get(TaskRow, task)
            if row is None or row.state in TERMINAL:
                return False
            row.stop = row.stop or why[:500]
            return True


def closed(row: SubtaskRow) -> Closed:
    """Return where a subtask stands."""
    result = WorkResult.model_validate(row.result) if row.result else None
    return Closed.model_validate(
        {
            "subtask": row.id,
            "state": row.state,
            "decision": result.decision if result else "",
            "values": result.values if result else (),
            "feedback": row.feedback,
            "outcomes": tuple(Outcome.model_validate(o) for o in row.outcomes),
            "failure": Failure.model_validate(row.failure) if row.failure else None,
        }
    )


def _opened(row: SubtaskRow) -> Opened:
    reopened = row.state == "working"
    return Opened(
        subtask=row.id,
        attempt=row.attempt + 1 if reopened else row.attempt,
        feedback=row.feedback,
        worked=None if reopened or not row.completed else _worked(row.completed),
    )


def _worked(completed: Fields) -> Worked:
    kept = ReviewOrder.model_validate(completed)
    return Worked(result=kept.result, signature=kept.signature)


def _subtasks(session: Session, task: str) -> list[SubtaskRow]:
    query = select(SubtaskRow).where(SubtaskRow.task == task).order_by(SubtaskRow.position)
    return list(session.scalars(query))
