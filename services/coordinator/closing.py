"""The step that acts on a stored verdict, or on the failure of the work, and commits proposals."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from quartet.contracts.effect import Commit, Outcome
from quartet.contracts.failure import Failure
from quartet.contracts.task import Task
from quartet.contracts.work import ReviewOrder, Verdict, WorkResult
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from quartet.sidecar.ports import Invoker
from services.coordinator.decisions import told
from services.coordinator.endings import hopeless, rejected, unsatisfied
from services.coordinator.messages import Closed, Closing, Start
from services.coordinator.outcomes import settle
from services.coordinator.rows import (
    ENDED,
    attempt_closed,
    move_subtask,
    own,
    reopen,
    subtask_row,
    subtask_rows,
    verdict_of,
)
from services.coordinator.store import TaskStore, closed
from services.coordinator.tables import SubtaskRow, TaskRow

COMMIT_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Closer:
    """Closes attempts at subtasks; its one step may run twice."""

    pack: Pack
    store: TaskStore
    invoker: Invoker

    def close_subtask(self, closing: Closing) -> Closed:
        """Act on the stored verdict: commit, close, reopen; or act on the failure of the work."""
        with self.store.transaction() as session:
            task = Task.model_validate(own(session, closing.start).task)
            row = subtask_row(session, closing.start.task, closing.subtask)
            if row.state in ENDED or attempt_closed(row, closing.attempt):
                return closed(row)
            row.attempt = closing.attempt
            verdict = verdict_of(session, row)
            if closing.failure is not None:
                _failed(session, row, task, closing.failure)
                return closed(row)
            if verdict is None:
                return Closed(subtask=closing.subtask, state="reviewing")
            self._judge(session, row, task, verdict)
            if row.state != "committing":
                return closed(row)
            completed = ReviewOrder.model_validate(row.completed)
            decisions = told(session, row)
        return self._committed(closing.start, task, verdict, completed, decisions)

    def _judge(self, session: Session, row: SubtaskRow, task: Task, verdict: Verdict) -> None:
        """Move a reviewed subtask where its verdict takes it; accepted proposals to committing."""
        says = " ".join(verdict.reasons)
        result = WorkResult.model_validate(row.result)
        if row.state == "committing":
            return
        if verdict.decision == "revise":
            _failed(session, row, task, unsatisfied(row, says), says)
        elif verdict.decision == "reject":
            row.failure = (verdict.failure or rejected(row, says)).model_dump(mode="json")
            move_subtask(session, row, "rejected", says)
        elif result.decision in self.pack.skill(row.kind).fails:
            row.failure = hopeless(row, result).model_dump(mode="json")
            move_subtask(session, row, "failed", result.summary)
        elif result.proposals:
            move_subtask(session, row, "committing", "accepted by the critic")
        else:
            move_subtask(session, row, "done", "accepted by the critic")

    def _committed(
        self,
        start: Start,
        task: Task,
        verdict: Verdict,
        completed: ReviewOrder,
        decisions: dict[int, int],
    ) -> Closed:
        """Commit every proposal of an accepted result; held ones keep the subtask waiting."""
        try:
            outcomes = tuple(
                self._commit(verdict, completed, proposal.slot)
                for proposal in completed.result.proposals
            )
        except Failing as error:
            if error.failure.advice in ("retry-now", "retry-later"):
                raise
            with self.store.transaction() as session:
                parent = own(session, start)
                row = subtask_row(session, start.task, verdict.subtask)
                if row.state == "committing":
                    _failed(session, row, task, error.failure)
                _set_clock(session, parent)
                return closed(row)
        return self._kept(start, task, verdict, outcomes, decisions)

    def _commit(self, verdict: Verdict, completed: ReviewOrder, slot: int) -> Outcome:
        sent = Commit(
            task=verdict.task,
            subtask=verdict.subtask,
            attempt=verdict.attempt,
            slot=slot,
            plan=completed.order.plan,
            result=completed.result,
            signature=completed.signature,
            verdict=verdict,
        )
        return self.invoker.call("toolbox", "commit", sent, Outcome, COMMIT_TIMEOUT_S)

    def _kept(
        self,
        start: Start,
        task: Task,
        verdict: Verdict,
        outcomes: tuple[Outcome, ...],
        decisions: dict[int, int],
    ) -> Closed:
        with self.store.transaction() as session:
            parent = own(session, start)
            row = subtask_row(session, start.task, verdict.subtask)
            if row.state != "committing":
                return closed(row)
            settle(session, row, outcomes, decisions, task.limits.attempts)
            _set_clock(session, parent)
            return closed(row)


def _failed(
    session: Session, row: SubtaskRow, task: Task, failure: Failure, feedback: str = ""
) -> None:
    """Reopen the subtask when a changed attempt may help and one is left; else fail it."""
    if failure.advice == "retry-changed" and row.attempt < task.limits.attempts:
        reopen(session, row, feedback or failure.detail)
        return
    row.failure = failure.model_dump(mode="json")
    move_subtask(session, row, "failed", failure.detail)


def _set_clock(session: Session, row: TaskRow) -> None:
    """Stop the time of a task while something is held, and let it go on after that."""
    now = datetime.now(UTC)
    held = any(s.state == "held" for s in subtask_rows(session, row.id))
    if held and row.deadline is not None:
        row.left_s = max((row.deadline - now).total_seconds(), 1.0)
        row.deadline = None
    elif not held and row.deadline is None:
        row.deadline = now + timedelta(seconds=row.left_s)
