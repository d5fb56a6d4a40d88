"""The coordinator's own steps: claim, register, record, close, finish; all may run twice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.audit import Act, Noted
from quartet.contracts.budget import Opened, Opening
from quartet.contracts.effect import Commit, Outcome, Registered, Registration, Undo, Undone
from quartet.contracts.event import TaskEnded, TaskPlanned
from quartet.contracts.failure import Failure
from quartet.contracts.plan import Plan
from quartet.contracts.task import TERMINAL, Task, TaskState
from quartet.contracts.work import ReviewOrder, Verdict, WorkOrder, WorkResult
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from quartet.sidecar.ports import Invoker, Publisher
from quartet.trust.chain import PLAN, check, plan_statement, proposal_statement
from quartet.trust.digest import proposal_digest
from quartet.trust.keys import Keyring, Signer
from quartet.trust.signing import NotGenuine
from services.coordinator.decisions import told
from services.coordinator.endings import (
    CANCELLED,
    hopeless,
    not_signed,
    rejected,
    stopped,
    unsatisfied,
)
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
from services.coordinator.outcomes import settle
from services.coordinator.rows import (
    ENDED,
    attempt_closed,
    move_subtask,
    move_task,
    own,
    reopen,
    subtask_row,
    verdict_of,
)
from services.coordinator.store import TaskStore, closed
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
    signer: Signer
    keyring: Keyring

    def claim_task(self, start: Start) -> Claimed:
        """Claim the task for this run; nothing when it is not the run that was started."""
        claimed = self.store.claim(start)
        if claimed.task is not None:
            self._record_accepted(claimed.task)
            self._open_budget(claimed.task)
        return claimed

    def _record_accepted(self, task: Task) -> None:
        """Put on record for whom a task is, before anything is asked or done for it."""
        body = task.model_dump(mode="json", exclude={"id"})
        if asked_by := self.store.asked_by(task.id):
            body["asked_by"] = asked_by
        act = Act(id=f"{task.id}.accepted", kind="task-accepted", task=task.id, body=body)
        self.invoker.call("toolbox", "record", act, Noted)

    def _open_budget(self, task: Task) -> None:
        opening = Opening(
            task=task.id,
            requester=task.requester,
            tenant=task.tenant,
            caps=task.limits.budget,
        )
        self.invoker.call("toolbox", "budgets", opening, Opened)

    def register_plan(self, drafted: DraftedPlan) -> PlanChecked:
        """Check a plan; keep it, register it with the toolbox and publish task-planned."""
        task, plan, refused = self.store.keep_plan(drafted, self.pack)
        if refused:
            return PlanChecked(refused=refused)
        registration = Registration(
            task=task.id,
            requester=task.requester,
            asked_by=self.store.asked_by(task.id),
            tenant=task.tenant,
            roles=task.roles,
            plan=plan,
            goal=task.goal,
            documents=tuple(d.digest for d in task.documents),
            agents=self._canaries(plan, agents := self.store.agents(task.id)),
        )
        signature = self.signer.sign(plan_statement(registration), PLAN)
        registration = registration.model_copy(update={"signature": signature})
        self.invoker.call("toolbox", "plans", registration, Registered)
        self.store.start_running(drafted.start)
        planned = TaskPlanned(task=task.id, subtasks=tuple(s.id for s in plan.subtasks))
        self.publisher.publish("task-planned", f"{task.id}.planned", planned)
        return PlanChecked(agents=agents)

    def _canaries(self, plan: Plan, agents: dict[str, str]) -> dict[str, str]:
        """Return the choices that are not the pack's own; without any, all is as it always was."""
        own = {s.id: self.pack.app_of(s.kind) for s in plan.subtasks}
        return {name: app_id for name, app_id in agents.items() if app_id != own[name]}

    def record_result(self, got: ResultIn) -> Recorded:
        """Keep the result of an attempt and ask for its review; the first result kept counts."""
        completed = self._genuine(got, self._agent(got.order))
        completed, reviewed = self.store.keep_result(got.start, completed)
        if not reviewed:
            self.publisher.publish("subtask-completed", event_id(completed), completed)
        return Recorded(proposal_digest=completed.proposal_digest, reviewed=reviewed)

    def _agent(self, order: WorkOrder) -> str:
        """Return the app-id that was chosen for a subtask; nobody else's result counts."""
        with self.store.reading() as session:
            return subtask_row(session, order.task, order.subtask.id).app_id

    def _genuine(self, got: ResultIn, agent: str) -> ReviewOrder:
        """Return the result as the critic gets it; raises Abandon for one nobody signed."""
        order, worked = got.order, got.worked
        named = proposal_digest(
            order.plan, order.task, order.subtask.id, order.attempt, worked.result
        )
        statement = proposal_statement(order.task, order.plan, named)
        try:
            check(self.keyring, worked.signature, statement, agent)
        except NotGenuine as error:
            raise not_signed(order, error) from error
        return ReviewOrder(
            order=order,
            by=agent,
            result=worked.result,
            signature=worked.signature,
            proposal_digest=named,
        )

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

    def finish_task(self, finish: Finish) -> Finished:
        """End the task: compensate after a failure or stop, store the state, publish it."""
        with self.store.transaction() as session:
            row = session.get(TaskRow, finish.start.task, with_for_update=True)
            if row is None or row.run != finish.start.run:
                return Finished()
            if row.state not in TERMINAL:
                self._begin_end(session, row, finish)
            ended = row.state in TERMINAL
            instances = [instance_of(finish.start, s.id) for s in _rows(session, row.id)]
        if not ended:
            for instance in instances:
                self.terminate(instance)
            self._compensate(finish)
        return self._publish_end(finish)

    def _begin_end(self, session: Session, row: TaskRow, finish: Finish) -> None:
        """Note how the task ends; the failure that was noted first stays."""
        rows = _rows(session, row.id)
        if row.failure is None and (finish.stopped or finish.failure):
            failure = finish.failure or stopped(row, rows, finish.stopped)
            row.failure = failure.model_dump(mode="json")
            if row.state == "running":
                move_task(session, row, "compensating", failure.detail)
        elif row.failure is None:
            row.summary = finish.summary
            move_task(session, row, "completed", finish.summary)
        for subtask in rows:
            if subtask.state not in ENDED:
                move_subtask(session, subtask, "dropped", "the task has ended")

    def _compensate(self, finish: Finish) -> None:
        undo = Undo(task=finish.start.task, why="the task failed or was stopped")
        undone = self.invoker.call("toolbox", "compensate", undo, Undone)
        with self.store.transaction() as session:
            row = session.get_one(TaskRow, finish.start.task, with_for_update=True)
            row.not_undone = list(undone.manual)
            if row.state not in TERMINAL:
                failure = Failure.model_validate(row.failure)
                after: TaskState = "cancelled" if failure.title == CANCELLED else "failed"
                move_task(session, row, after, failure.detail)

    def _publish_end(self, finish: Finish) -> Finished:
        with self.store.reading() as session:
            row = session.get_one(TaskRow, finish.start.task)
            owed = row.owes_event
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
        try:
            self.publisher.publish(f"task-{ended.state}", f"{ended.task}.{ended.state}", ended)
        except Failing:
            self.store.owe_event(ended.task, owed=True)
            raise
        if owed:
            self.store.owe_event(ended.task, owed=False)
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
        reopen(session, row, feedback or failure.detail)
        return
    row.failure = failure.model_dump(mode="json")
    move_subtask(session, row, "failed", failure.detail)


def _set_clock(session: Session, row: TaskRow) -> None:
    """Stop the time of a task while something is held, and let it go on after that."""
    now = datetime.now(UTC)
    held = any(s.state == "held" for s in _rows(session, row.id))
    if held and row.deadline is not None:
        row.left_s = max((row.deadline - now).total_seconds(), 1.0)
        row.deadline = None
    elif not held and row.deadline is None:
        row.deadline = now + timedelta(seconds=row.left_s)
