"""The invariants of the fault matrix, computed from task store, ledger and payment files: I1 to I8.

One end for each task, each effect once, books that balance, each event once. S1, that a fault
really happened, is in killing.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from lxml import etree
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from packs.payables import checks
from quartet.contracts.plan import Plan
from quartet.contracts.task import SUBTASK_MOVES, TASK_MOVES, TERMINAL
from quartet.packs.load import load
from quartet.runtime.layout import DataFolder
from quartet.service.database import READING, connect
from services.coordinator.tables import MoveRow, SubtaskRow, TaskRow
from services.toolbox import checker
from services.toolbox.tables import EffectRow, ManualCaseRow

PAIN = {"p": "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"}
ENDED_EFFECTS = ("applied", "duplicate", "rejected", "expired", "resolved")
NEVER_BEGUN = ("dropped", "rejected", "failed")
MONEY = ("schedule_payment", "schedule_credit")


class Records:
    """What a suite has on record, read beside it without a lock."""

    def __init__(self, data: DataFolder) -> None:
        """Open the two databases of a data folder for reading."""
        self.payments = data.root / "toolbox" / "payments"
        self._tasks = _reading(data.root / "coordinator" / "tasks.db")
        self._ledger = _reading(data.root / "toolbox" / "ledger.db")

    def close(self) -> None:
        """Close both."""
        self._tasks.dispose()
        self._ledger.dispose()

    def moves(self, batch: str) -> int:
        """Return how many state changes a batch has on record."""
        with Session(self._tasks) as session:
            query = select(MoveRow.id).join(TaskRow, TaskRow.id == MoveRow.task)
            return len(session.scalars(query.where(TaskRow.batch == batch)).all())

    def states(self, batch: str) -> dict[str, list[str]]:
        """Return the states of each task of a batch: its own, then those of its subtasks."""
        with Session(self._tasks) as session:
            tasks = session.scalars(select(TaskRow).where(TaskRow.batch == batch)).all()
            return {task.id: [task.state, *_subtask_states(session, task.id)] for task in tasks}

    def run(self, task: str) -> tuple[str, int]:
        """Return the nonce of a task's present run, and how many there were."""
        with Session(self._tasks) as session:
            row = session.get_one(TaskRow, task)
            return row.run, row.runs

    def unfinished(self, batch: str) -> list[str]:
        """Return the tasks of a batch that neither have ended nor wait for a person."""
        return [
            task
            for task, (state, *subtasks) in self.states(batch).items()
            if state not in TERMINAL and "held" not in subtasks
        ]

    def problems(self, accepted: Collection[str], batch: str) -> list[str]:
        """Return every broken invariant in words; none when all hold."""
        with Session(self._tasks) as tasks, Session(self._ledger) as ledger:
            return [
                *_one_end(tasks, accepted, batch),
                *_effects_once(tasks, ledger, accepted),
                *checker.problems(ledger, load("payables")),
                *checks.problems(ledger, self.payments, _applied_money(ledger)),
                *_one_task_per_event(tasks),
            ]

    def paid(self) -> Counter[tuple[str, str, str]]:
        """Count account, number and amount of each invoice in all payment files."""
        files = sorted(self.payments.glob("*.xml"))
        return Counter(entry for path in files for entry in _transfers(path))


def _reading(path: Path) -> Engine:
    return connect(f"sqlite:///{path}").execution_options(**{READING: True})


def _subtask_states(session: Session, task: str) -> list[str]:
    return list(session.scalars(select(SubtaskRow.state).where(SubtaskRow.task == task)))


def _one_end(session: Session, accepted: Collection[str], batch: str) -> Iterator[str]:
    """I1: every accepted task is there, with one terminal state or held; nothing else is."""
    known = set(session.scalars(select(TaskRow.id).where(TaskRow.batch == batch)))
    yield from (f"{task} was accepted and is not there" for task in set(accepted) - known)
    yield from (f"{task} is there and was not submitted" for task in known - set(accepted))
    for task in sorted(known):
        row = session.get_one(TaskRow, task)
        moves = session.scalars(select(MoveRow).where(MoveRow.task == task).order_by(MoveRow.id))
        history = list(moves)
        ends = [m.after for m in history if m.subject == "task" and m.after in TERMINAL]
        held = row.state == "running" and "held" in _subtask_states(session, task)
        if len(ends) != (0 if held else 1):
            yield f"{task} is {row.state} and has the ends {ends}"
        yield from _legal_history(task, row.state, history)


def _legal_history(task: str, state: str, history: list[MoveRow]) -> Iterator[str]:
    """Each move starts where the one before it ended and is a legal one."""
    at: dict[str, str] = {"task": ""}
    for move in history:
        before = at.get(move.subject, "working")
        moves = TASK_MOVES if move.subject == "task" else SUBTASK_MOVES
        legal: tuple[str, ...] = ("submitted",) if not before else dict(moves)[before]  # type: ignore[index]
        if move.before != before or move.after not in legal:
            yield f"{task} {move.subject}: {move.before} -> {move.after} after {before!r}"
        at[move.subject] = move.after
    if at["task"] != state:
        yield f"{task} is {state}, and its history ends in {at['task']}"


def _effects_once(tasks: Session, ledger: Session, accepted: Collection[str]) -> Iterator[str]:
    """I2: slots of completed tasks have ended; effects of failed ones are undone or listed."""
    for task in sorted(accepted):
        row = tasks.get(TaskRow, task)
        if row is None:
            continue
        effects = {
            e.slot: e for e in ledger.scalars(select(EffectRow).where(EffectRow.task == task))
        }
        if row.state == "completed":
            yield from _slots_ended(tasks, row, effects)
        if row.state in ("failed", "cancelled"):
            for effect in effects.values():
                listed = ledger.get(ManualCaseRow, (task, effect.slot, "not-undone"))
                if effect.status in ("held", "applied") and listed is None:
                    yield f"{task} is {row.state} with slot {effect.slot} {effect.status}"


def _slots_ended(tasks: Session, row: TaskRow, effects: dict[int, EffectRow]) -> Iterator[str]:
    for subtask in Plan.model_validate(row.plan).subtasks:
        state = tasks.get_one(SubtaskRow, (row.id, subtask.id)).state
        for slot in subtask.slots:
            effect = effects.get(slot.number)
            if effect is None and state not in NEVER_BEGUN:
                yield f"{row.id} is completed without slot {slot.number} of {subtask.id}"
            if effect is not None and effect.status not in ENDED_EFFECTS:
                yield f"{row.id} is completed with slot {slot.number} {effect.status}"


def _applied_money(ledger: Session) -> set[str]:
    applied = select(EffectRow).where(EffectRow.status == "applied", EffectRow.tool.in_(MONEY))
    return {f"{row.task}/{row.slot}" for row in ledger.scalars(applied)}


def _one_task_per_event(session: Session) -> Iterator[str]:
    """I8: an event (source, id) made one task, however often it was delivered."""
    events = Counter(
        tuple(event) for event in session.execute(select(TaskRow.source, TaskRow.event_id))
    )
    yield from (f"event {event} made {count} tasks" for event, count in events.items() if count > 1)


def _transfers(path: Path) -> Iterator[tuple[str, str, str]]:
    for one in etree.parse(path).iterfind(".//p:CdtTrfTxInf", PAIN):
        account = one.findtext("p:CdtrAcct/p:Id/p:IBAN", namespaces=PAIN)
        for item in one.iterfind("p:RmtInf/p:Strd", PAIN):
            if item.findtext(".//p:Cd", namespaces=PAIN) == "CINV":
                number = item.findtext("p:RfrdDocInf/p:Nb", namespaces=PAIN)
                amount = item.findtext("p:RfrdDocAmt/p:RmtdAmt", namespaces=PAIN)
                yield str(account), str(number), str(amount)
