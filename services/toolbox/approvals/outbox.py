"""Facts that approvals owe to others: written with what made them, published by rounds."""

from sqlalchemy import func, select

from quartet.contracts.approval import (
    ApprovalDecided,
    ApprovalRequested,
    Asked,
    Decisions,
    NumberedDecision,
)
from quartet.contracts.base import Contract
from services.toolbox.approvals.tables import ApprovalRow, OutboxRow
from services.toolbox.ledger import Entry

REQUESTED, DECIDED = "approval-requested", "approval-decided"
CONTRACTS: dict[str, type[Contract]] = {REQUESTED: ApprovalRequested, DECIDED: ApprovalDecided}
PAGE = 100


def owe_request(entry: Entry, row: ApprovalRow) -> None:
    """Owe the news that people are asked."""
    asked = Asked.model_validate(row.asked)
    shared = asked.model_dump(include=set(ApprovalRequested.model_fields))
    _owe(entry, REQUESTED, row, ApprovalRequested(approval=row.id, **shared))


def owe_decision(entry: Entry, row: ApprovalRow) -> None:
    """Owe the news that an approval is decided, which wakes the subtask that waits."""
    told = ApprovalDecided(
        approval=row.id,
        task=row.task,
        subtask=row.subtask,
        attempt=row.attempt,
        slot=row.slot,
        state=row.state,
    )
    _owe(entry, DECIDED, row, told)


def _owe(entry: Entry, topic: str, row: ApprovalRow, data: Contract) -> None:
    event = f"{row.task}.{row.slot}.{row.id}.{row.state}.{row.group}"
    plain = data.model_dump(mode="json")
    entry.session.add(OutboxRow(topic=topic, event=event, data=plain, at=entry.now))


def number(entry: Entry) -> int:
    """Give numbers to what has been committed without one; return how many there were.

    Two who do this at once give the same number, and the second one's transaction fails.
    """
    last = entry.session.scalar(select(func.max(OutboxRow.number))) or 0
    rows = entry.session.scalars(
        select(OutboxRow).where(OutboxRow.number.is_(None)).order_by(OutboxRow.id).limit(PAGE)
    ).all()
    for position, row in enumerate(rows, last + 1):
        row.number = position
    return len(rows)


def unpublished(entry: Entry) -> list[OutboxRow]:
    """Return numbered facts that nobody was told of yet, in their order."""
    query = (
        select(OutboxRow)
        .where(OutboxRow.published_at.is_(None), OutboxRow.number.is_not(None))
        .order_by(OutboxRow.number)
        .limit(PAGE)
    )
    return list(entry.session.scalars(query))


def decisions_after(entry: Entry, cursor: int) -> Decisions:
    """Return the decisions that follow a number."""
    query = (
        select(OutboxRow)
        .where(OutboxRow.topic == DECIDED, OutboxRow.number > cursor)
        .order_by(OutboxRow.number)
        .limit(PAGE)
    )
    return Decisions(
        decisions=tuple(
            NumberedDecision.model_validate({"number": row.number, "decided": row.data})
            for row in entry.session.scalars(query)
        )
    )
