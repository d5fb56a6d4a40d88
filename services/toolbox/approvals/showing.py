"""Approvals as a person may see them: own tenant only, with filters and groups."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sqlalchemy import Select, select

from quartet.contracts.approval import (
    ApprovalGroup,
    ApprovalList,
    ApprovalsWanted,
    ApprovalView,
    Asked,
    Decided,
)
from quartet.contracts.person import Person, Role
from services.toolbox.approvals.tables import OPEN, ApprovalRow, DecisionRow
from services.toolbox.ledger import Entry
from services.toolbox.refusals import NotThere

SEES_ALL: frozenset[Role] = frozenset(("approver", "operator", "auditor", "admin"))


def reachable(entry: Entry, approval: int, person: Person) -> ApprovalRow:
    """Return an approval that a person may know of; raises NotThere for any other."""
    row = entry.session.scalar(_seen_by(person).where(ApprovalRow.id == approval))
    if row is None:
        raise NotThere(
            f"There is no approval {approval}. `quartet approvals list` shows those that wait.",
            "NoSuchApproval",
        )
    return row


def show(entry: Entry, approval: int, person: Person) -> ApprovalView:
    """Return one approval."""
    return view(entry, reachable(entry, approval, person))


def listed(entry: Entry, wanted: ApprovalsWanted, person: Person) -> ApprovalList:
    """Return approvals, the longest waiting first, and all that wait in groups of a kind."""
    query = _seen_by(person).order_by(ApprovalRow.id)
    states = OPEN if wanted.state is None else (wanted.state,)
    found = query.where(ApprovalRow.state.in_(states))
    for column, value in (
        (ApprovalRow.task, wanted.task),
        (ApprovalRow.requester, wanted.requester),
        (ApprovalRow.group, wanted.group),
    ):
        found = found if value is None else found.where(column == value)
    rows = entry.session.scalars(found.limit(wanted.most)).all()
    waiting = entry.session.scalars(query.where(ApprovalRow.state == "waiting"))
    return ApprovalList(
        approvals=tuple(view(entry, row) for row in rows), groups=tuple(grouped(waiting))
    )


def grouped(rows: Iterable[ApprovalRow]) -> list[ApprovalGroup]:
    """Return rows in groups of one requester, tool and counterparty, the largest first."""
    groups: dict[tuple[str, str, str], list[Asked]] = defaultdict(list)
    for row in rows:
        asked = Asked.model_validate(row.asked)
        groups[asked.requester, asked.tool, asked.counterparty].append(asked)
    made = [
        ApprovalGroup(
            requester=requester,
            tool=tool,
            counterparty=counterparty,
            count=len(alike),
            oldest=min(a.asked_at for a in alike),
            amounts=_sums(alike),
        )
        for (requester, tool, counterparty), alike in groups.items()
    ]
    return sorted(made, key=lambda g: (-g.count, g.oldest))


def view(entry: Entry, row: ApprovalRow) -> ApprovalView:
    """Return an approval as it stands."""
    shown = row.asked | {
        "id": row.id,
        "state": row.state,
        "group": row.group,
        "taken_by": row.taken_by,
        "ended_at": row.ended_at,
        "decisions": tuple(
            Decided(
                person=d.person,
                role=d.role,
                decision=d.decision,
                reason=d.reason,
                guidance=d.guidance,
                at=d.at,
            )
            for d in decisions_on(entry, row)
        ),
    }
    return ApprovalView.model_validate(shown)


def decisions_on(entry: Entry, row: ApprovalRow) -> list[DecisionRow]:
    """Return what was decided on an approval, oldest first."""
    query = select(DecisionRow).where(DecisionRow.approval == row.id).order_by(DecisionRow.id)
    return list(entry.session.scalars(query))


def _seen_by(person: Person) -> Select[ApprovalRow]:
    """Return the query for the approvals of a person's tenant; without a role for their own."""
    mine = select(ApprovalRow).where(ApprovalRow.tenant == person.tenant)
    if SEES_ALL & set(person.roles):
        return mine
    return mine.where((ApprovalRow.requester == person.name) | ApprovalRow.group.in_(person.groups))


def _sums(alike: list[Asked]) -> dict[str, str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in alike:
        if one.amount is not None and one.currency is not None:
            sums[one.currency] += Decimal(one.amount)
    return {currency: f"{total:f}" for currency, total in sorted(sums.items())}
