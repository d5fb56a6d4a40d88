"""Single rows of the task store: found, owned, moved legally; transactions are the store's."""

from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from quartet.contracts.plan import Plan
from quartet.contracts.task import (
    SUBTASK_MOVES,
    TASK_MOVES,
    TERMINAL,
    Document,
    SubtaskState,
    Task,
    TaskState,
)
from quartet.contracts.work import Verdict
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon
from services.coordinator.choosing import chosen
from services.coordinator.messages import Start
from services.coordinator.tables import DecisionRow, MoveRow, ReviewRow, SubtaskRow, TaskRow

ENDED: tuple[SubtaskState, ...] = ("done", "rejected", "dropped", "failed")


def own(session: Session, start: Start) -> TaskRow:
    """Return the task of a run; raises Abandon when another run has taken it, or it ended."""
    row = session.get(TaskRow, start.task, with_for_update=True)
    if row is None or row.run != start.run:
        raise Abandon(f"Another run has taken task {start.task}.", cause="data", title="Superseded")
    if row.state in TERMINAL:
        raise Abandon(f"Task {start.task} is {row.state}.", cause="data", title="TaskEnded")
    row.checked = datetime.now(UTC)
    return row


def check_same(row: TaskRow, task: Task, asked_by: str) -> None:
    """Raise Abandon when the event of a task comes again with something else in it."""
    if _asked(Task.model_validate(row.task)) != _asked(task) or row.asked_by != asked_by:
        raise Abandon(
            f"Event {row.event_id!r} of {row.source!r} submitted task {task.id} before, with "
            "another content or requester; that one stays. Send a new event id for a new task.",
            cause="data",
            title="EventIdReused",
        )


def _asked(task: Task) -> Task:
    """Return what makes two submissions the same: names of documents do not."""
    bare = tuple(Document(digest=d.digest) for d in task.documents)
    return task.model_copy(update={"documents": bare})


def open_subtasks(session: Session, row: TaskRow, plan: Plan, pack: Pack) -> None:
    """Keep the plan of a task, and a row for each subtask with the app-id that works on it."""
    row.plan = plan.model_dump(mode="json")
    session.add_all(
        SubtaskRow(
            task=row.id,
            id=subtask.id,
            position=position,
            kind=subtask.kind,
            app_id=chosen(session, pack, row.id, subtask.kind),
            state="working",
        )
        for position, subtask in enumerate(plan.subtasks)
    )


def subtask_row(session: Session, task: str, subtask: str) -> SubtaskRow:
    """Return a subtask's row; raises Abandon when the plan has none of this id."""
    row = session.get(SubtaskRow, (task, subtask))
    if row is None:
        raise Abandon(
            f"Task {task} has no subtask {subtask!r}.", cause="data", title="UnknownSubtask"
        )
    return row


def subtask_rows(session: Session, task: str) -> list[SubtaskRow]:
    """Return the rows of a task's subtasks."""
    return list(session.scalars(select(SubtaskRow).where(SubtaskRow.task == task)))


def attempt_closed(row: SubtaskRow, attempt: int) -> bool:
    """Return whether this attempt is over: a step that runs a second time finds it so."""
    return row.attempt > attempt or (row.attempt == attempt and row.state == "working")


def verdict_of(session: Session, row: SubtaskRow) -> Verdict | None:
    """Return the stored verdict on the present attempt of a subtask."""
    key = (row.task, row.id, row.attempt, row.proposal_digest)
    found = session.get(ReviewRow, key)
    return Verdict.model_validate(found.verdict) if found else None


def move_task(session: Session, row: TaskRow, after: TaskState, why: str = "") -> None:
    """Move a task to a state; raises Abandon for an illegal transition."""
    _legal(row.state, after, TASK_MOVES[row.state])
    session.add(entry(row.id, "task", (row.state, after), why))
    row.state, row.changed = after, datetime.now(UTC)


def move_subtask(session: Session, row: SubtaskRow, after: SubtaskState, why: str = "") -> None:
    """Move a subtask to a state; raises Abandon for an illegal transition."""
    _legal(row.state, after, SUBTASK_MOVES[row.state])
    session.add(entry(row.task, row.id, (row.state, after), why))
    row.state = after
    if after != "reviewing":
        row.publish_at = None


def reopen(session: Session, row: SubtaskRow, feedback: str) -> None:
    """Have a subtask worked on once more, with feedback; what it came to so far is dropped."""
    row.feedback = feedback[:2000]
    row.completed = row.result = row.proposal_digest = None
    row.outcomes = []
    decided = (DecisionRow.task == row.task, DecisionRow.subtask == row.id)
    session.execute(delete(DecisionRow).where(*decided))
    if row.state != "working":
        move_subtask(session, row, "working", f"again: {row.feedback}")


def _legal(before: str, after: str, may: tuple[str, ...]) -> None:
    if after not in may:
        says = f"{before} cannot become {after}; it may become {', '.join(may) or 'nothing'}."
        raise Abandon(says, cause="data", title="IllegalTransition")


def entry(task: str, subject: str, move: tuple[str, str], why: str) -> MoveRow:
    """Return a line of the state history."""
    before, after = move
    now = datetime.now(UTC)
    return MoveRow(task=task, subject=subject, before=before, after=after, why=why[:500], at=now)
