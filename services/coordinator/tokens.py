"""Who gets a transaction token now: only the app-id that works on a live step of a live task."""

import time
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from quartet.contracts.base import Name
from quartet.contracts.plan import Plan
from quartet.contracts.task import Task
from quartet.contracts.token import Behalf, TokenGiven, TokenWanted, Transaction
from quartet.packs.load import Pack
from quartet.resilience.failures import Abandon
from quartet.trust.keys import Clock, Signer
from quartet.trust.tokens import write
from services.coordinator.rows import ENDED
from services.coordinator.store import TaskStore, closed
from services.coordinator.tables import SubtaskRow, TaskRow
from services.coordinator.workflow import due

PLANNING = ("plan", 0)
"""Subtask and attempt of the planner's steps."""


class TokenRefused(Abandon):
    """Whoever asks works on nothing that is live."""

    status = 403


@dataclass(frozen=True)
class Tokens:
    """The coordinator's own issue of tokens, from what its task store says now."""

    pack: Pack
    store: TaskStore
    signer: Signer
    clock: Clock = time.time

    def give(self, caller: Name, wanted: TokenWanted) -> TokenGiven:
        """Return a token for the step; raises TokenRefused when it is not the caller's, or over."""
        with self.store.reading() as session:
            row = session.get(TaskRow, wanted.task)
            if row is None or row.stop is not None or row.state not in ("planning", "running"):
                raise _refused(wanted, "the task is not under way")
            skill, tools = self._allowed(session, row, caller, wanted)
            task = Task.model_validate(row.task)
        step = Transaction(
            task=wanted.task,
            subtask=wanted.subtask,
            attempt=wanted.attempt,
            skill=skill,
            tools=tools,
            spend_usd=task.limits.budget.within(self.pack.manifest.budgets.task).cost_usd,
        )
        behalf = Behalf(requester=task.requester, tenant=task.tenant)
        return write(self.signer, caller, step, behalf, self.clock)

    def _allowed(
        self, session: Session, row: TaskRow, caller: Name, wanted: TokenWanted
    ) -> tuple[str, tuple[str, ...]]:
        """Return the skill and the read tools of the step."""
        if caller == "planner":
            return _planning(session, row, wanted), ()
        subtask = session.get(SubtaskRow, (row.id, wanted.subtask))
        if subtask is None or row.state != "running":
            raise _refused(wanted, "the task has no such subtask under way")
        skill = self.pack.skill(subtask.kind)
        if caller == "critic":
            if (subtask.state, subtask.attempt) != ("reviewing", wanted.attempt):
                raise _refused(wanted, "this attempt is not under review")
            return f"critic.{skill.kind}", skill.tools
        if subtask.app_id != caller:
            raise _refused(wanted, f"{subtask.app_id} works on it, not {caller}")
        if (subtask.state, subtask.attempt + 1) != ("working", wanted.attempt):
            raise _refused(wanted, "this attempt is closed or has not begun")
        if subtask.id not in _begun(row, _subtasks(session, row.id)):
            raise _refused(wanted, "it waits for other subtasks")
        return f"specialist.{skill.kind}", skill.tools


def _planning(session: Session, row: TaskRow, wanted: TokenWanted) -> str:
    """Return the planner's skill: the plan is drafted first, and the task summed up last."""
    if (wanted.subtask, wanted.attempt) != PLANNING:
        raise _refused(wanted, "the planner works on no subtask")
    if row.state == "planning":
        return "planner.draft_plan"
    if _begun(row, _subtasks(session, row.id)):
        raise _refused(wanted, "the task is neither being planned nor summed up")
    return "planner.synthesize"


def _begun(row: TaskRow, rows: dict[str, SubtaskRow]) -> set[str]:
    """Return the subtasks that are under way, as the workflow of the task starts them."""
    plan = Plan.model_validate(row.plan)
    ended = {name: closed(r) for name, r in rows.items() if r.state in ENDED}
    while True:
        ready = plan.ready(ended, ended)
        dropped = [s.id for s in ready if not due(s, ended)]
        if not dropped:
            return {s.id for s in ready}
        ended |= {
            name: closed(rows[name]).model_copy(update={"state": "dropped"}) for name in dropped
        }


def _subtasks(session: Session, task: str) -> dict[str, SubtaskRow]:
    rows = session.scalars(select(SubtaskRow).where(SubtaskRow.task == task))
    return {row.id: row for row in rows}


def _refused(wanted: TokenWanted, why: str) -> TokenRefused:
    return TokenRefused(
        f"No token for attempt {wanted.attempt} at {wanted.subtask!r} of {wanted.task}: {why}. "
        "What it came to is not used any more.",
        cause="policy",
    )
