"""The task store as people see it; nothing is changed here."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, false, select
from sqlalchemy.orm import Session

from quartet.contracts.base import TaskId
from quartet.contracts.event import DeadLetter
from quartet.contracts.person import WHOLE_TENANT, Person
from quartet.contracts.task import Move, SubtaskState, Task
from quartet.contracts.view import DeadLetterView, Owner, Owners, Shown, SubtaskView, TaskView
from quartet.contracts.work import Verdict, WorkResult
from quartet.resilience.failures import Abandon
from services.coordinator.tables import DeadLetterRow, MoveRow, ReviewRow, SubtaskRow, TaskRow


class UnknownTask(Abandon):
    """There is no task of this id, as far as the person may know."""

    status = 404


@dataclass(frozen=True)
class Wanted:
    """Which tasks to show: of one batch, in one shown state, so many."""

    batch: str | None = None
    state: str | None = None
    most: int = 200


def task_views(session: Session, wanted: Wanted, person: Person) -> list[TaskView]:
    """Return the tasks that a person sees, newest first."""
    rows = session.scalars(_seen_by(listing(wanted), person))
    return [view(session, row) for row in rows]


def _seen_by(query: Select[TaskRow], person: Person) -> Select[TaskRow]:
    """Return the query for those tasks only for which ``person.sees`` holds."""
    if "admin" in person.roles:
        return query
    query = query.where(TaskRow.tenant == person.tenant)
    if person.has(*WHOLE_TENANT):
        return query
    return query.where(TaskRow.requester == person.name if person.has("submitter") else false())


def listing(wanted: Wanted) -> Select[TaskRow]:
    """Return the query for tasks of a batch that are shown in a state."""
    query = select(TaskRow).order_by(TaskRow.created.desc(), TaskRow.id).limit(wanted.most)
    if wanted.batch is not None:
        query = query.where(TaskRow.batch == wanted.batch)
    if wanted.state in ("running", "waiting"):
        waits = _waits() if wanted.state == "waiting" else ~_waits()
        query = query.where(TaskRow.state == "running", waits)
    elif wanted.state is not None:
        query = query.where(TaskRow.state == wanted.state)
    return query


def _waits() -> ColumnElement[bool]:
    """Return the condition that ``shown`` calls ``waiting``, for the index on subtask states."""

    def some(*states: SubtaskState) -> ColumnElement[bool]:
        return TaskRow.id.in_(select(SubtaskRow.task).where(SubtaskRow.state.in_(states)))

    return some("held") & ~some("reviewing", "committing")


def seen(session: Session, task: str, person: Person) -> TaskRow:
    """Return a task that a person sees; another's is as unknown as one that is not there."""
    row = session.get(TaskRow, task)
    if row is None or not person.sees(row.tenant, row.requester):
        raise UnknownTask(
            f"There is no task {task!r}. `quartet task list` shows the tasks.",
            cause="data",
        )
    return row


def owners(session: Session, tasks: tuple[TaskId, ...]) -> Owners:
    """Return whose tasks are, of those that are known."""
    query = select(TaskRow.id, TaskRow.tenant, TaskRow.requester).where(TaskRow.id.in_(tasks))
    found = session.execute(query).all()
    return Owners(owners={i: Owner(tenant=t, requester=r) for i, t, r in found})


def task_view(session: Session, task: str, person: Person) -> TaskView:
    """Return one task with its history, if the person sees it."""
    row = seen(session, task, person)
    moves = session.scalars(select(MoveRow).where(MoveRow.task == task).order_by(MoveRow.id))
    history = tuple(
        Move(at=_at(m.at), subject=m.subject, before=m.before, after=m.after, why=m.why)
        for m in moves
    )
    return view(session, row).model_copy(update={"history": history})


def view(session: Session, row: TaskRow) -> TaskView:
    """Return a task with its subtasks."""
    task = Task.model_validate(row.task)
    query = select(SubtaskRow).where(SubtaskRow.task == row.id).order_by(SubtaskRow.position)
    subtasks = tuple(_subtask(session, s) for s in session.scalars(query))
    return TaskView.model_validate(
        {
            "id": row.id,
            "pack": task.pack,
            "goal": task.goal,
            "requester": row.requester,
            "tenant": row.tenant,
            "batch": row.batch,
            "documents": task.documents,
            "state": row.state,
            "shown": shown(row.state, [s.state for s in subtasks]),
            "summary": row.summary,
            "failure": row.failure,
            "not_undone": tuple(row.not_undone),
            "created": _at(row.created),
            "changed": _at(row.changed),
            "subtasks": subtasks,
        }
    )


def shown(state: str, subtasks: list[str]) -> Shown:
    """Return the state to show: ``waiting`` when something is held and nothing else can move."""
    active = {"reviewing", "committing"} & set(subtasks)
    if state == "running" and "held" in subtasks and not active:
        return "waiting"
    found: Shown = state  # type: ignore[assignment]
    return found


def dead_letters(session: Session, most: int) -> list[DeadLetterView]:
    """Return dead letters, newest first."""
    query = select(DeadLetterRow).order_by(DeadLetterRow.at.desc()).limit(most)
    return [
        DeadLetterView(
            id=row.id,
            letter=letter_of(row),
            replayed=_at(row.replayed) if row.replayed else None,
        )
        for row in session.scalars(query)
    ]


def letter_of(row: DeadLetterRow) -> DeadLetter:
    """Return a dead letter as it was heard."""
    return DeadLetter.model_validate(
        {"topic": row.topic, "reason": row.reason, "body": row.body, "at": _at(row.at)}
    )


def _subtask(session: Session, row: SubtaskRow) -> SubtaskView:
    result = WorkResult.model_validate(row.result) if row.result else None
    key = (row.task, row.id, row.attempt, row.proposal_digest or "")
    review = session.get(ReviewRow, key)
    return SubtaskView.model_validate(
        {
            "id": row.id,
            "kind": row.kind,
            "app_id": row.app_id,
            "state": row.state,
            "attempt": row.attempt,
            "decision": result.decision if result else "",
            "summary": result.summary if result else "",
            "findings": result.findings if result else (),
            "verdict": Verdict.model_validate(review.verdict) if review else None,
            "outcomes": tuple(row.outcomes),
            "failure": row.failure,
        }
    )


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
