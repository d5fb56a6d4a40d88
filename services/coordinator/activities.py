"""The coordinator's own steps: claim, register, record, close, finish; all may run twice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.effect import Commit, Outcome, Registered, Registration, Undo, Undone
from quartet.contracts.event import TaskEnded, TaskPlanned
from quartet.contracts.failure import Failure
from quartet.contracts.task import TERMINAL, Task
from quartet.contracts.work import ReviewOrder, Verdict, WorkResult
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from quartet.sidecar.ports import Invoker, Publisher
from quartet.trust.digest import proposal_digest
from services.coordinator.messages import (
    Claimed,
    Closed,
    Closing,
    DraftedPlan,
    Finish,
    Finished,
    PlanChecked,
    Recorded,
    ResultIn,
    Start,
    instance_of,
)
from services.coordinator.store import (
    ENDED,
    TaskStore,
    closed,
    move_subtask,
    move_task,
    own,
    subtask_row,
    verdict_of,
)
from services.coordinator.tables import SubtaskRow, TaskRow

COMMIT_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class TaskSteps:
    """The steps with what they need: pack, task store, toolbox and topics."""

    pack: Pack
    store: TaskStore
    invoker: Invoker
    publisher: Publisher
    terminate: Callable[[str], None]

    def claim_task(self, start: Start) -> Claimed:
        """Claim the task for this run; nothing when it is not the run that was started."""
        return self.store.claim(start)

    def register_plan(self, drafted: DraftedPlan) -> PlanChecked:
        """Check a plan; keep it, register it with the toolbox and publish task-planned."""
        kinds = {s.kind: self.pack.app_of(s.kind) for s in self.pack.manifest.skills}
        tools = self.pack.of_kind("write")
        task, plan, refused = self.store.keep_plan(drafted, kinds, tools)
        if refused:
            return PlanChecked(refused=refused)
        registration = Registration(
            task=task.id,
            requester=task.requester,
            plan=plan,
            documents=tuple(d.digest for d in task.documents),
        )
        self.invoker.call("toolbox", "plans", registration, Registered)
        self.store.start_running(drafted.start)
        planned = TaskPlanned(task=task.id, subtasks=tuple(s.id for s in plan.subtasks))
        self.publisher.publish("task-planned", f"{task.id}.planned", planned)
        return PlanChecked()

    def record_result(self, got: ResultIn) -> Recorded:
        """Keep the result of an attempt and ask for its review; the first result kept counts."""
        order = got.order
        named = proposal_digest(order.task, order.subtask.id, order.attempt, got.result)
        completed = ReviewOrder(order=order, by=got.by, result=got.result, proposal_digest=named)
        completed = self.store.keep_result(got.start, completed)
        self.publisher.publish("subtask-completed", event_id(completed), completed)
        return Recorded(proposal_digest=completed.proposal_digest)

    def close_subtask(self, closing: Closing) -> Closed:
        """Act on the stored verdict: commit, close, reopen; or act on the failure of the work."""
        with self.store.transaction() as session:
            task = Task.model_validate(own(session, closing.start).task)
            row = subtask_row(session, closing.start.task, closing.subtask)
            if row.state in ENDED:
                return closed(row)
            row.attempt = max(row.attempt, closing.attempt)
            verdict = verdict_of(session, row)
            if closing.failure is not None:
                _failed(session, row, task, closing.failure)
                return closed(row)
            if verdict is None:
                return Closed(subtask=closing.subtask, state="reviewing")
            self._judge(session, row, task, verdict)
            if row.state != "committing":
                return closed(row)
            result = WorkResult.model_validate(row.result)
        return self._committed(closing.start, task, verdict, result)

    def _judge(self, session: Session, row: SubtaskRow, task: Task, verdict: Verdict) -> None:
        """Move a reviewed subtask where its verdict takes it; accepted proposals to committing."""
        says = " ".join(verdict.reasons)
        result = WorkResult.model_validate(row.result)
        if row.state == "committing":
            return
        if verdict.decision == "revise":
            _failed(session, row, task, _unsatisfied(row, says), says)
        elif verdict.decision == "reject":
            row.failure = _rejected(row, says).model_dump(mode="json")
            move_subtask(session, row, "rejected", says)
        elif result.decision in self.pack.skill(row.kind).fails:
            row.failure = _hopeless(row, result).model_dump(mode="json")
            move_subtask(session, row, "failed", result.summary)
        elif result.proposals:
            move_subtask(session, row, "committing", "accepted by the critic")
        else:
            move_subtask(session, row, "done", "accepted by the critic")

    def _committed(self, start: Start, task: Task, verdict: Verdict, result: WorkResult) -> Closed:
        """Commit every proposal of an accepted result; held ones keep the subtask waiting."""
        try:
            outcomes = tuple(
                self._commit(task, verdict, result, proposal.slot) for proposal in result.proposals
            )
        except Failing as error:
            if error.failure.advice in ("retry-now", "retry-later"):
                raise
            with self.store.transaction() as session:
                own(session, start)
                row = subtask_row(session, start.task, verdict.subtask)
                _failed(session, row, task, error.failure)
                return closed(row)
        return self._kept(start, verdict, outcomes)

    def _commit(self, task: Task, verdict: Verdict, result: WorkResult, slot: int) -> Outcome:
        sent = Commit(
            task=task.id,
            subtask=verdict.subtask,
            attempt=verdict.attempt,
            slot=slot,
            result=result,
            verdict=verdict,
        )
        return self.invoker.call("toolbox", "commit", sent, Outcome, COMMIT_TIMEOUT_S)

    def _kept(self, start: Start, verdict: Verdict, outcomes: tuple[Outcome, ...]) -> Closed:
        with self.store.transaction() as session:
            parent = own(session, start)
            row = subtask_row(session, start.task, verdict.subtask)
            row.outcomes = [o.model_dump(mode="json") for o in outcomes]
            held = [o for o in outcomes if o.status == "held"]
            if held and row.state != "held":
                move_subtask(session, row, "held", held[0].says)
                _pause_deadline(parent)
            elif not held:
                move_subtask(session, row, "done", "; ".join(o.says for o in outcomes))
            return closed(row)

    def finish_task(self, finish: Finish) -> Finished:
        """End the task: compensate after a failure or stop, store the state, publish it."""
        with self.store.transaction() as session:
            row = session.get(TaskRow, finish.start.task)
            if row is None or row.run != finish.start.run:
                return Finished()
            if row.state not in TERMINAL:
                self._begin_end(session, row, finish)
            failing, ended = row.failure is not None or bool(row.stop), row.state in TERMINAL
            instances = [instance_of(finish.start, s.id) for s in _rows(session, row.id)]
        if failing and not ended:
            for instance in instances:
                self.terminate(instance)
            self._compensate(finish)
        return self._publish_end(finish)

    def _begin_end(self, session: Session, row: TaskRow, finish: Finish) -> None:
        rows = _rows(session, row.id)
        if finish.stopped or finish.failure:
            failure = finish.failure or _stopped(row, rows, finish.stopped)
            row.failure = failure.model_dump(mode="json")
            if row.state == "running":
                move_task(session, row, "compensating", failure.detail)
        else:
            row.summary = finish.summary
            move_task(session, row, "completed", finish.summary)
        for subtask in rows:
            if subtask.state not in ENDED:
                move_subtask(session, subtask, "dropped", "the task has ended")

    def _compensate(self, finish: Finish) -> None:
        undo = Undo(task=finish.start.task, why="the task failed or was stopped")
        undone = self.invoker.call("toolbox", "compensate", undo, Undone)
        with self.store.transaction() as session:
            row = session.get_one(TaskRow, finish.start.task)
            row.not_undone = list(undone.manual)
            if row.state not in TERMINAL:
                cancelled = (row.stop or "").startswith("cancelled")
                failure = Failure.model_validate(row.failure)
                move_task(session, row, "cancelled" if cancelled else "failed", failure.detail)

    def _publish_end(self, finish: Finish) -> Finished:
        with self.store.transaction() as session:
            row = session.get_one(TaskRow, finish.start.task)
            ended = TaskEnded.model_validate(
                {
                    "task": row.id,
                    "batch": row.batch,
                    "state": row.state,
                    "summary": row.summary,
                    "failure": row.failure,
                    "not_undone": tuple(n[:500] for n in row.not_undone),
                }
            )
        self.publisher.publish(f"task-{ended.state}", f"{ended.task}.{ended.state}", ended)
        return Finished(state=ended.state)


def event_id(completed: ReviewOrder) -> str:
    """Return the id of the subtask-completed event of an attempt, the same each time."""
    order = completed.order
    return f"{order.task}.{order.subtask.id}.{order.attempt}.{completed.proposal_digest[7:15]}"


def _rows(session: Session, task: str) -> list[SubtaskRow]:
    return list(session.scalars(select(SubtaskRow).where(SubtaskRow.task == task)))


def _failed(
    session: Session, row: SubtaskRow, task: Task, failure: Failure, feedback: str = ""
) -> None:
    """Reopen the subtask when a changed attempt may help and one is left; else fail it."""
    if failure.advice == "retry-changed" and row.attempt < task.limits.attempts:
        row.feedback = (feedback or failure.detail)[:2000]
        row.completed = row.result = row.proposal_digest = None
        if row.state != "working":
            move_subtask(session, row, "working", f"again: {row.feedback}")
        return
    row.failure = failure.model_dump(mode="json")
    move_subtask(session, row, "failed", failure.detail)


def _unsatisfied(row: SubtaskRow, says: str) -> Failure:
    return Failure(
        title="CriticNotSatisfied",
        detail=f"The critic asked to revise {row.id!r} in attempt {row.attempt}: {says}",
        cause="model",
        advice="retry-changed",
    )


def _rejected(row: SubtaskRow, says: str) -> Failure:
    return Failure(
        title="SubtaskRejected",
        detail=f"The critic rejected {row.id!r}: {says}",
        cause="policy",
        advice="abandon",
    )


def _hopeless(row: SubtaskRow, result: WorkResult) -> Failure:
    return Failure(
        title=f"Subtask{result.decision.title().replace('-', '')}",
        detail=result.summary or f"{row.id!r} came to {result.decision!r}.",
        cause="data",
        advice="abandon",
    )


def _stopped(row: TaskRow, rows: list[SubtaskRow], why: str) -> Failure:
    if why.startswith("cancelled"):
        return Failure(title="Cancelled", detail=why, cause="policy", advice="abandon")
    task = Task.model_validate(row.task)
    waiting = [f"{s.app_id} for subtask {s.id!r} ({s.state})" for s in rows if s.state not in ENDED]
    awaited = ", ".join(waiting) or "planner for the plan"
    return Failure(
        title="DeadlineExceeded",
        detail=f"The task did not end within {task.limits.deadline_s} s; it waits for {awaited}. "
        "See that this app runs, or submit again with a longer limits.deadline_s.",
        cause="network",
        advice="retry-later",
    )


def _pause_deadline(row: TaskRow) -> None:
    if row.deadline is not None:
        row.left_s = max((row.deadline - datetime.now(UTC)).total_seconds(), 1.0)
        row.deadline = None
