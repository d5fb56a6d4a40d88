"""The coordinator's own steps: claim, register, record, finish; all may run twice."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from quartet.contracts.audit import Act, Noted
from quartet.contracts.budget import Opened, Opening
from quartet.contracts.effect import Registered, Registration, Undo, Undone
from quartet.contracts.event import TaskEnded, TaskPlanned
from quartet.contracts.failure import Failure
from quartet.contracts.plan import Plan
from quartet.contracts.task import TERMINAL, Task, TaskState
from quartet.contracts.work import ReviewOrder, WorkOrder
from quartet.packs.load import Pack
from quartet.resilience.failures import Failing
from quartet.sidecar.ports import Invoker, Publisher
from quartet.trust.chain import PLAN, check, plan_statement, proposal_statement
from quartet.trust.digest import proposal_digest
from quartet.trust.keys import Keyring, Signer
from quartet.trust.signing import NotGenuine
from services.coordinator.endings import (
    CANCELLED,
    not_signed,
    stopped,
)
from services.coordinator.messages import (
    Claimed,
    DraftedPlan,
    Finish,
    Finished,
    PlanChecked,
    Recorded,
    ResultIn,
    Start,
    instance_of,
)
from services.coordinator.rows import ENDED, move_subtask, move_task, subtask_row, subtask_rows
from services.coordinator.store import TaskStore
from services.coordinator.tables import TaskRow

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

    def finish_task(self, finish: Finish) -> Finished:
        """End the task: compensate after a failure or stop, store the state, publish it."""
        with self.store.transaction() as session:
            row = session.get(TaskRow, finish.start.task, with_for_update=True)
            if row is None or row.run != finish.start.run:
                return Finished()
            if row.state not in TERMINAL:
                self._begin_end(session, row, finish)
            ended = row.state in TERMINAL
            instances = [instance_of(finish.start, s.id) for s in subtask_rows(session, row.id)]
        if not ended:
            for instance in instances:
                self.terminate(instance)
            self._compensate(finish)
        return self._publish_end(finish)

    def _begin_end(self, session: Session, row: TaskRow, finish: Finish) -> None:
        """Note how the task ends; the failure that was noted first stays."""
        rows = subtask_rows(session, row.id)
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
