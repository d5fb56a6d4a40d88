"""Operations for people: those of the pack, and the toolbox's own lists; effects are elsewhere."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field
from sqlalchemy import event, select

from quartet.contracts.approval import Asked
from quartet.contracts.base import Contract, Fields, Json, TaskId
from quartet.contracts.person import Role
from quartet.packs.load import Pack
from quartet.packs.tool import Books as ToolBooks
from quartet.packs.tool import Tool, build
from services.toolbox.approvals.tables import OPEN, ApprovalRow
from services.toolbox.budgets.operations import (
    allow_budget,
    list_costs,
    refuse_budget,
    show_budgets,
)
from services.toolbox.ledger import Books, Entry, Ledger
from services.toolbox.monitor.operations import list_agents, pause_agent, resume_agent
from services.toolbox.refusals import NotThere
from services.toolbox.tables import AuditRow, ManualCaseRow


class NoArguments(Contract):
    """Nothing is asked for."""


class Case(Contract):
    """Something that a person has to look at."""

    task: TaskId
    slot: int
    kind: Literal["not-undone", "freed", "told", "left-out", "held"]
    says: str


class Cases(Contract):
    """Every effect that waits for a person."""

    cases: tuple[Case, ...]


class AuditPage(Contract):
    """Which records to show."""

    after: int = Field(default=0, ge=0, description="The sequence number after which to begin.")
    limit: int = Field(default=500, ge=1, le=5000, description="How many records at most.")
    task: TaskId | None = Field(default=None, description="Only the records of this task.")


class Record(Contract):
    """One audit record; ``record`` is its canonical JSON, of which ``digest`` is taken."""

    sequence: int
    digest: str
    record: str


class Records(Contract):
    """Audit records in their sequence."""

    records: tuple[Record, ...]


def list_cases(arguments: NoArguments, books: ToolBooks) -> Cases:
    """List what people have to see: effects held, not undone, told of or left out, freed ones."""
    del arguments
    held = books.session.scalars(
        select(ApprovalRow).where(ApprovalRow.state.in_(OPEN)).order_by(ApprovalRow.id)
    )
    manual = books.session.scalars(select(ManualCaseRow).order_by(ManualCaseRow.at))
    waiting = (Case(task=a.task, slot=a.slot, kind="held", says=_why(a)) for a in held)
    by_hand = (
        Case.model_validate({"task": m.task, "slot": m.slot, "kind": m.kind, "says": m.says})
        for m in manual
    )
    return Cases(cases=(*waiting, *by_hand))


def _why(row: ApprovalRow) -> str:
    asked = Asked.model_validate(row.asked)
    return "; ".join(asked.why) or asked.effect


def export_audit(arguments: AuditPage, books: ToolBooks) -> Records:
    """Give audit records in their sequence, as the canonical JSON that each digest covers."""
    query = select(AuditRow).where(AuditRow.sequence > arguments.after)
    if arguments.task is not None:
        query = query.where(AuditRow.task == arguments.task)
    rows = books.session.scalars(query.order_by(AuditRow.sequence).limit(arguments.limit))
    return Records(
        records=tuple(
            Record(sequence=r.sequence, digest=r.digest, record=r.record.decode()) for r in rows
        )
    )


VIEWS = (list_cases, list_agents, show_budgets, list_costs)
ACTS = (pause_agent, resume_agent, allow_budget, refuse_budget)
OWN: dict[str, Tool] = {f.__name__: build(f, "operation") for f in (*VIEWS, *ACTS, export_audit)}


@dataclass(frozen=True)
class By:
    """Who runs an operation: an app-id, and the person for whom, if any."""

    app_id: str
    person: str | None = None


TOOLBOX = By("toolbox")


def roles_for(name: str) -> tuple[Role, ...]:
    """Return the roles of which an operation takes one."""
    if name == export_audit.__name__:
        return ("auditor",)
    return ("operator", "auditor") if name in {f.__name__ for f in VIEWS} else ("operator",)


def operate(ledger: Ledger, pack: Pack, by: By, name: str, sent: Fields) -> Json:
    """Run an operation in one transaction; return its result as JSON.

    One that changed something leaves an audit record.
    """
    tools = pack.of_kind("operation") | OWN
    tool = tools.get(name)
    if tool is None:
        have = ", ".join(tools)
        raise NotThere(f"There is no operation {name[:40]!r}; there is {have}.", "NoSuchOperation")
    arguments = tool.check(sent)

    def run(entry: Entry) -> Json:
        changes: list[object] = []
        event.listen(entry.session, "after_flush", lambda *_: changes.append(name))
        result = tool.run(arguments, Books(entry)).model_dump(mode="json")
        entry.session.flush()
        if changes:
            body: Fields = {"arguments": sent, "result": result, "by": by.person}
            entry.record(by.app_id, f"operation-{name}", None, body)
        return result

    return ledger.settled(run)
