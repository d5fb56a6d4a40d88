"""The life of a task as workflows: plan, subtasks, synthesis, end; every side effect is a step."""

from collections.abc import Generator
from typing import Any

from dapr.ext.workflow import DaprWorkflowContext

from quartet.contracts.budget import EXCEEDED
from quartet.contracts.plan import Plan, Subtask
from quartet.contracts.remote import (
    DRAFT_PLAN,
    REVISE_PLAN,
    SYNTHESIZE,
    WORK,
    EndedSubtask,
    PlanOrder,
    Synthesis,
    SynthesisOrder,
)
from quartet.contracts.task import Limits, Task
from quartet.contracts.work import Given, WorkOrder
from quartet.durable.steps import Steps, call, child, ended, first, run_child, wait_for
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon, Failing, failing
from quartet.trust.digest import digest
from services.coordinator.messages import (
    CLAIM_TASK,
    CLOSE_SUBTASK,
    FINISH_TASK,
    RECORD_RESULT,
    REGISTER_PLAN,
    RUN_SUBTASK,
    Claimed,
    Closed,
    Closing,
    DraftedPlan,
    Finish,
    Finished,
    Opened,
    PlanChecked,
    Planned,
    ResultIn,
    Start,
    SubtaskRun,
    instance_of,
    work_of,
)


class TaskWorkflows:
    """The two workflows of the coordinator, for one pack."""

    def __init__(self, pack: Pack) -> None:
        """Take the pack: it says which specialist runs which kind."""
        self._pack = pack

    def run_task(self, ctx: DaprWorkflowContext, start: Start) -> Steps[Finished]:
        """Bring one task to its end; a run that may not claim the task does nothing."""
        claimed = yield from call(ctx, CLAIM_TASK, start)
        if claimed.task is None:
            return Finished()
        try:
            if claimed.failure is not None:
                raise failing(claimed.failure)
            planned = claimed.planned or (yield from self._planned(ctx, start, claimed.task))
            closed = yield from self._worked(ctx, start, claimed, planned)
            order = _synthesis(claimed.task, planned.plan, closed)
            synthesis = yield from _summed_up(ctx, order)
            finish = Finish(start=start, summary=synthesis.summary)
        except Failing as error:
            finish = Finish(start=start, failure=error.failure)
        return (yield from call(ctx, FINISH_TASK, finish))

    def _planned(self, ctx: DaprWorkflowContext, start: Start, task: Task) -> Steps[Planned]:
        plan = yield from call(ctx, DRAFT_PLAN, PlanOrder(task=task))
        checked = yield from call(ctx, REGISTER_PLAN, DraftedPlan(start=start, plan=plan))
        if checked.refused:
            again = PlanOrder(task=task, refused=checked.refused)
            plan = yield from call(ctx, REVISE_PLAN, again)
            checked = yield from call(ctx, REGISTER_PLAN, DraftedPlan(start=start, plan=plan))
        if checked.refused:
            raise _refusal(checked)
        return Planned(plan=plan, agents=checked.agents)

    def _worked(
        self, ctx: DaprWorkflowContext, start: Start, claimed: Claimed, planned: Planned
    ) -> Generator[Any, Any, dict[str, Closed]]:
        plan = planned.plan
        limits = claimed.task.limits if claimed.task else Limits()
        closed = {c.subtask: _accepted(c) for c in claimed.closed}
        running: dict[str, Any] = {}
        while True:
            for subtask in plan.ready(closed, {*closed, *running}):
                if not due(subtask, closed):
                    closed[subtask.id] = Closed(subtask=subtask.id, state="dropped")
                elif len(running) < limits.in_flight:
                    given = _given(subtask, closed)
                    run = self._run_of(start, claimed, planned, subtask, given)
                    instance = instance_of(start, subtask.id)
                    running[subtask.id] = child(ctx, RUN_SUBTASK, run, instance)
            if not running:
                if len(closed) == len(plan.subtasks):
                    return closed
                continue
            done = yield from first(running.values())
            name = next(n for n, t in running.items() if t is done)
            closed[name] = _accepted(ended(running.pop(name), Closed))

    def _run_of(
        self,
        start: Start,
        claimed: Claimed,
        planned: Planned,
        subtask: Subtask,
        given: tuple[Given, ...],
    ) -> SubtaskRun:
        return SubtaskRun(
            start=start,
            task=claimed.task,
            plan=digest(planned.plan),
            subtask=subtask,
            app_id=planned.agents.get(subtask.id) or self._pack.app_of(subtask.kind),
            given=given,
            opened=next((o for o in claimed.opened if o.subtask == subtask.id), None),
        )

    def run_subtask(self, ctx: DaprWorkflowContext, run: SubtaskRun) -> Steps[Closed]:
        """Bring one subtask to its end: work, review, commit; again while asked to revise."""
        opened = run.opened or Opened(subtask=run.subtask.id, attempt=1)
        while True:
            closing = Closing(start=run.start, subtask=run.subtask.id, attempt=opened.attempt)
            try:
                yield from self._reviewed(ctx, run, opened)
            except Failing as error:
                closing = closing.model_copy(update={"failure": error.failure})
            closed = yield from call(ctx, CLOSE_SUBTASK, closing)
            while closed.state in ("reviewing", "held"):
                event = "reviewed" if closed.state == "reviewing" else "decided"
                yield from wait_for(ctx, f"{event}-{opened.attempt}")
                closed = yield from call(ctx, CLOSE_SUBTASK, closing)
            if closed.state != "working":
                return closed
            opened = Opened(
                subtask=run.subtask.id, attempt=opened.attempt + 1, feedback=closed.feedback
            )

    def _reviewed(
        self, ctx: DaprWorkflowContext, run: SubtaskRun, opened: Opened
    ) -> Generator[Any, Any, None]:
        order = WorkOrder(
            task=run.start.task,
            pack=run.task.pack,
            plan=run.plan,
            subtask=run.subtask,
            attempt=opened.attempt,
            given=run.given,
            feedback=opened.feedback,
            turns=run.task.limits.turns,
        )
        worked = opened.worked
        if worked is None:
            name = work_of(run.start, run.subtask.id, opened.attempt)
            worked = yield from run_child(ctx, WORK.on(run.app_id), order, name)
        sent = ResultIn(start=run.start, order=order, by=run.app_id, worked=worked)
        recorded = yield from call(ctx, RECORD_RESULT, sent)
        if not recorded.reviewed:
            yield from wait_for(ctx, f"reviewed-{opened.attempt}")


def _summed_up(ctx: DaprWorkflowContext, order: SynthesisOrder) -> Steps[Synthesis]:
    """Have the task summed up; what is done stays done when no money is left for the words."""
    try:
        return (yield from call(ctx, SYNTHESIZE, order))
    except Failing as error:
        if error.failure.title != EXCEEDED:
            raise
    ends = "; ".join(f"{s.id} {s.state}" for s in order.subtasks)
    return Synthesis(summary=f"Done, with no budget left to sum it up: {ends}"[:500])


def due(subtask: Subtask, closed: dict[str, Closed]) -> bool:
    """Return whether every dependency was accepted and every condition holds."""
    return all(closed[name].state == "done" for name in subtask.depends_on) and all(
        closed[c.subtask].decision in c.decisions for c in subtask.when
    )


def _given(subtask: Subtask, closed: dict[str, Closed]) -> tuple[Given, ...]:
    return tuple(
        Given(subtask=name, decision=closed[name].decision, values=closed[name].values)
        for name in subtask.depends_on
    )


def _accepted(closed: Closed) -> Closed:
    """Return a subtask that ended well; raises the failure of one that did not."""
    if closed.failure is not None:
        raise failing(closed.failure)
    return closed


def _synthesis(task: Task, plan: Plan, closed: dict[str, Closed]) -> SynthesisOrder:
    return SynthesisOrder(
        task=task,
        subtasks=tuple(
            EndedSubtask(
                id=s.id,
                kind=s.kind,
                state=closed[s.id].state,
                decision=closed[s.id].decision,
                outcomes=tuple(o.says for o in closed[s.id].outcomes),
            )
            for s in plan.subtasks
        ),
    )


def _refusal(checked: PlanChecked) -> Abandon:
    says = " ".join(r.says for r in checked.refused)
    title = "NoSpecialistAvailable" if "NoSpecialistAvailable" in says else "PlanRefused"
    return Abandon(f"The plan was refused twice: {says}", cause="model", title=title)
