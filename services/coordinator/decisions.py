"""What people decided about held effects: noted, turned into wake-ups until the subtask goes on.

Neither the event nor the note proves anything: a subtask that wakes commits again, and only the
approval in the toolbox's ledger counts.
"""

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from quartet.contracts.approval import ApprovalDecided, Decisions
from quartet.durable.ports import Engine
from quartet.resilience.failures import Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Invoker
from services.coordinator.store import TaskStore
from services.coordinator.tables import CursorRow, DecisionRow, SubtaskRow

LOOK_EVERY = timedelta(seconds=5)
WAKE_AGAIN = timedelta(seconds=5)
DECISIONS = "decisions"
CALL_S = 5.0
log = get_logger("coordinator.decisions")
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Wakings:
    """Wakes who waits for a person: at each event, and by the sweep for what no event told."""

    store: TaskStore
    workflows: Engine
    invoker: Invoker
    _looked: datetime = field(default=NEVER)

    def hear(self, decided: ApprovalDecided) -> None:
        """Note a decision and wake its subtask; one that does not wake is woken by the sweep."""
        now = datetime.now(UTC)
        with self.store.transaction() as session:
            note(session, decided, now)
        self.wake_decided(now)

    def read_decisions(self, now: datetime) -> None:
        """Note what the toolbox has decided since the last time, in the order of its numbers."""
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        with self.store.reading() as session:
            last = session.get(CursorRow, DECISIONS)
            number = last.number if last else 0
        found = self.invoker.call("toolbox", f"decisions/{number}", None, Decisions, CALL_S)
        if not found.decisions:
            return
        with self.store.transaction() as session:
            for one in found.decisions:
                note(session, one.decided, now)
            session.merge(CursorRow(name=DECISIONS, number=found.decisions[-1].number))

    def wake_decided(self, now: datetime) -> None:
        """Wake every subtask that waits for a decision which is there; again while it sleeps."""
        with self.store.transaction() as session:
            due = session.execute(
                select(DecisionRow, SubtaskRow)
                .join(
                    SubtaskRow,
                    (SubtaskRow.task == DecisionRow.task) & (SubtaskRow.id == DecisionRow.subtask),
                )
                .where(SubtaskRow.state == "held", DecisionRow.wake_at <= now)
                .limit(100)
            ).all()
            wakes = {(row.instance, row.attempt) for _, row in due}
            for decision, _ in due:
                decision.wake_at = now + WAKE_AGAIN * 2 ** min(decision.woken, 7)
                decision.woken += 1
        for instance, attempt in sorted(wakes):
            try:
                self.workflows.wake(instance, f"decided-{attempt}")
            except Failing as error:
                log.warning("%s is not woken yet: %s", instance, error.failure.detail)


def note(session: Session, decided: ApprovalDecided, now: datetime) -> None:
    """Keep a decision for the subtask that waits for it; for any other it means nothing."""
    row = session.get(SubtaskRow, (decided.task, decided.subtask))
    if row is None or row.attempt != decided.attempt or row.state not in ("committing", "held"):
        return
    found = session.get(DecisionRow, (decided.task, decided.slot))
    if found is None:
        found = DecisionRow(task=decided.task, slot=decided.slot, woken=0, wake_at=now)
        session.add(found)
    elif found.approval == decided.approval:
        return
    found.subtask, found.approval = decided.subtask, decided.approval
    found.woken, found.wake_at = 0, now


def told(session: Session, row: SubtaskRow) -> dict[int, int]:
    """Return the decisions on a subtask that have not been acted on: slot to approval."""
    return {one.slot: one.approval for one in session.scalars(_of(row))}


def forget(session: Session, row: SubtaskRow, told: dict[int, int], slots: Container[int]) -> None:
    """Drop decisions that have been acted on: those known before, and all on settled slots.

    One on a slot that is held stays when it came later: it is on what is held now.
    """
    for one in session.scalars(_of(row)).all():
        if one.slot in slots or told.get(one.slot) == one.approval:
            session.delete(one)


def _of(row: SubtaskRow) -> Select[DecisionRow]:
    return select(DecisionRow).where(DecisionRow.task == row.task, DecisionRow.subtask == row.id)
