"""A task's intent, constraints, plan and present steps, from the task store; nothing is changed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.plan import Plan
from quartet.contracts.story import Step, TaskIntent
from quartet.contracts.task import Task
from quartet.contracts.work import WorkResult
from services.coordinator.rows import verdict_of
from services.coordinator.tables import SubtaskRow, TaskRow


def intent(session: Session, row: TaskRow) -> TaskIntent:
    """Return what a task set out to do and where it is."""
    plan = Plan.model_validate(row.plan) if row.plan else None
    goals = {s.id: s.goal for s in plan.subtasks} if plan else {}
    query = select(SubtaskRow).where(SubtaskRow.task == row.id).order_by(SubtaskRow.position)
    return TaskIntent(
        task=Task.model_validate(row.task),
        state=row.state,
        deadline=row.deadline.isoformat() if row.deadline else None,
        plan=plan,
        steps=tuple(_step(session, s, goals.get(s.id, "")) for s in session.scalars(query)),
    )


def _step(session: Session, row: SubtaskRow, goal: str) -> Step:
    result = WorkResult.model_validate(row.result) if row.result else None
    verdict = verdict_of(session, row)
    return Step(
        subtask=row.id,
        kind=row.kind,
        goal=goal,
        state=row.state,
        attempt=row.attempt,
        reasoning=f"{result.decision}: {result.summary}"[:500] if result else "",
        review=f"{verdict.decision}: {' '.join(verdict.reasons)}"[:500] if verdict else "",
        feedback=row.feedback,
    )
