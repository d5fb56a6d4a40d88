"""A coordinator without Dapr for tests: its store on SQLite, its steps, and doubles around them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel
from sqlalchemy import event, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from quartet.contracts.audit import Noted
from quartet.contracts.budget import Caps, Opened
from quartet.contracts.effect import Commit, EffectStatus, Outcome, Registered, Undone
from quartet.contracts.plan import Plan, Slot, Subtask
from quartet.contracts.task import Document, Limits, SubtaskState, Task
from quartet.contracts.work import (
    Decision,
    Proposal,
    ReviewOrder,
    Verdict,
    Worked,
    WorkOrder,
    WorkResult,
)
from quartet.packs.load import Pack, load
from quartet.resilience.failures import Failing
from quartet.service.database import connect, migrate
from quartet.testing.ports import EngineDouble, Outbox, Peers
from quartet.testing.signing import judged, keyring, signer, worked
from quartet.trust.digest import digest, proposal_digest
from quartet.trust.keys import Keyring
from services.coordinator.activities import TaskSteps
from services.coordinator.app import MIGRATIONS
from services.coordinator.closing import Closer
from services.coordinator.messages import (
    Closed,
    Closing,
    DraftedPlan,
    Finish,
    PlanChecked,
    Recorded,
    ResultIn,
    Start,
)
from services.coordinator.store import TaskStore
from services.coordinator.tables import MoveRow, SubtaskRow, TaskRow

PACK = load("payables")
DIGEST = "sha256:" + "a" * 64
TASK_ID = "t-" + "1" * 24
LIMITS = Limits()
RUN = "0123456789abcdef"
START = Start(task=TASK_ID, run=RUN)
READ = Subtask(id="read", kind="read-invoice", goal="Read it.", documents=(DIGEST,))
SETTLE = Subtask(
    id="settle",
    kind="settle-invoice",
    goal="Settle it.",
    depends_on=("read",),
    slots=(Slot(number=1, tools=("schedule_payment", "hold_invoice")),),
)
PLAN = Plan(subtasks=(READ, SETTLE))
PLAN_DIGEST = digest(PLAN)
READ_RESULT = WorkResult(decision="invoice", values=("val-" + "1" * 16,))
PROPOSAL = Proposal(slot=1, tool="hold_invoice", arguments={"reason": "no order"})
SETTLE_RESULT = WorkResult(decision="hold", proposals=(PROPOSAL,))


def task(task_id: str = TASK_ID, limits: Limits = LIMITS) -> Task:
    """Return a task of one document."""
    return Task(
        id=task_id,
        pack="payables",
        goal="Pay what is due.",
        requester="tester",
        documents=(Document(digest=DIGEST),),
        limits=limits,
    )


def order(subtask: Subtask, attempt: int = 1) -> WorkOrder:
    """Return the order of an attempt."""
    return WorkOrder(
        task=TASK_ID, pack="payables", plan=PLAN_DIGEST, subtask=subtask, attempt=attempt
    )


def review_order(subtask: Subtask, result: WorkResult, attempt: int = 1) -> ReviewOrder:
    """Return what the critic is asked about a result."""
    return ReviewOrder(
        order=order(subtask, attempt),
        by=PACK.app_of(subtask.kind),
        result=result,
        signature=done(subtask, result, attempt).signature,
        proposal_digest=proposal_digest(PLAN_DIGEST, TASK_ID, subtask.id, attempt, result),
    )


def done(subtask: Subtask, result: WorkResult, attempt: int = 1) -> Worked:
    """Return a result that its specialist has signed."""
    return worked(order(subtask, attempt), result, PACK.app_of(subtask.kind))


def verdict(
    subtask: Subtask, result: WorkResult, decision: Decision = "accept", attempt: int = 1
) -> Verdict:
    """Return the critic's verdict on a result."""
    given = Verdict(
        task=TASK_ID,
        subtask=subtask.id,
        attempt=attempt,
        proposal_digest=proposal_digest(PLAN_DIGEST, TASK_ID, subtask.id, attempt, result),
        decision=decision,
        reasons=(f"It says {decision}.",),
    )
    return judged(given)


def committing(status: EffectStatus) -> Callable[[BaseModel | None], Outcome]:
    """Return a toolbox whose commits come to this."""

    def commit(sent: BaseModel | None) -> Outcome:
        asked = Commit.model_validate(sent.model_dump(mode="json") if sent else None)
        named = asked.verdict.proposal_digest
        return Outcome(
            task=asked.task,
            slot=asked.slot,
            tool=asked.result.proposals[0].tool,
            status=status,
            says=f"{status} it",
            proposal_digest=named,
            call_digest=named,
        )

    return commit


def toolbox() -> Peers:
    """Return a toolbox that registers, applies every commit and undoes everything."""
    peers = Peers()
    peers.answers["toolbox", "record"] = lambda _: Noted(new=True)
    peers.answers["toolbox", "budgets"] = lambda _: Opened(caps=Caps())
    peers.answers["toolbox", "plans"] = lambda _: Registered(plan_digest=DIGEST)
    peers.answers["toolbox", "commit"] = committing("applied")
    peers.answers["toolbox", "compensate"] = lambda _: Undone(manual=("slot 1: file is sent",))
    return peers


@dataclass
class Desk:
    """A coordinator's store and steps, composed with doubles."""

    store: TaskStore
    keyring: Keyring
    peers: Peers = field(default_factory=toolbox)
    outbox: Outbox = field(default_factory=Outbox)
    engine: EngineDouble = field(default_factory=EngineDouble)
    pack: Pack = PACK

    def __post_init__(self) -> None:
        """Compose the steps."""
        self.closer = Closer(self.pack, self.store, self.peers)
        self.steps = TaskSteps(
            pack=self.pack,
            store=self.store,
            invoker=self.peers,
            publisher=self.outbox,
            terminate=self.engine.terminate,
            signer=signer("coordinator"),
            keyring=self.keyring,
        )

    def accepted(self, limits: Limits = LIMITS) -> "Desk":
        """Have a task accepted."""
        self.store.accept(task(limits=limits), "/test", "event-1", RUN)
        return self

    def running(self, plan: Plan = PLAN, limits: Limits = LIMITS) -> "Desk":
        """Have a task accepted, claimed and planned."""
        self.accepted(limits).steps.claim_task(START)
        self.register(plan)
        return self

    def register(self, plan: Plan = PLAN) -> PlanChecked:
        """Register a plan."""
        return self.steps.register_plan(DraftedPlan(start=START, plan=plan))

    def record(
        self, subtask: Subtask, result: WorkResult, attempt: int = 1, by: str = ""
    ) -> Recorded:
        """Record the result of an attempt, signed by its specialist or by another."""
        asked, signs = order(subtask, attempt), by or PACK.app_of(subtask.kind)
        came = worked(asked, result, signs)
        sent = ResultIn(start=START, order=asked, by=signs, worked=came)
        return self.steps.record_result(sent)

    def close(self, subtask: Subtask, attempt: int = 1, failure: Failing | None = None) -> Closed:
        """Close an attempt."""
        told = failure.failure if failure else None
        closing = Closing(start=START, subtask=subtask.id, attempt=attempt, failure=told)
        return self.closer.close_subtask(closing)

    def judged(
        self, subtask: Subtask, result: WorkResult, decision: Decision = "accept", attempt: int = 1
    ) -> Closed:
        """Record a result, store the verdict on it, close the attempt."""
        self.record(subtask, result, attempt)
        self.store.keep_verdict(verdict(subtask, result, decision, attempt))
        return self.close(subtask, attempt)

    def finish(self, **how: Any) -> object:
        """End the task."""
        return self.steps.finish_task(Finish(start=START, **how))

    def row(self) -> TaskRow:
        """Return the task's row."""
        with self.store.reading() as session:
            return session.get_one(TaskRow, TASK_ID)

    def subtask(self, subtask: Subtask) -> SubtaskRow:
        """Return a subtask's row."""
        with self.store.reading() as session:
            return session.get_one(SubtaskRow, (TASK_ID, subtask.id))

    def moves(self, subject: str) -> list[str]:
        """Return the states that a task or subtask came to, in their order."""
        with self.store.reading() as session:
            query = select(MoveRow.after).where(MoveRow.subject == subject).order_by(MoveRow.id)
            return list(session.scalars(query))

    def set_row(self, **values: object) -> None:
        """Change the task's row."""
        with self.store.transaction() as session:
            row = session.get_one(TaskRow, TASK_ID)
            for name, value in values.items():
                setattr(row, name, value)

    def states(self) -> dict[str, SubtaskState]:
        """Return the state of every subtask."""
        with self.store.reading() as session:
            return {s.id: s.state for s in session.scalars(select(SubtaskRow))}


@cache
def _empty() -> bytes:
    """Return a migrated database; migrating one for each test takes too long."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tasks.db"
        migrate(f"sqlite:///{path}", MIGRATIONS)
        return path.read_bytes()


def desk(folder: Path, pack: Pack = PACK) -> Desk:
    """Return a coordinator on an empty database."""
    path = folder / "tasks.db"
    path.write_bytes(_empty())
    engine = connect(f"sqlite:///{path}")
    event.listen(engine, "connect", _wait_for_no_disk)
    return Desk(TaskStore(engine), keyring(folder), pack=pack)


def _wait_for_no_disk(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=OFF")
    cursor.close()
