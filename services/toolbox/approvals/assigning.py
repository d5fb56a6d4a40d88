"""Giving an approval to another group of people, who are asked from then on."""

from typing import ClassVar

from quartet.contracts.approval import ApprovalView, Assignment
from quartet.contracts.base import Fields
from quartet.contracts.person import Person
from quartet.resilience.failures import Abandon
from services.toolbox.approvals.deciding import APPROVER, check_person
from services.toolbox.approvals.ending import overdue
from services.toolbox.approvals.outbox import owe_request
from services.toolbox.approvals.showing import reachable, view
from services.toolbox.ledger import Entry
from services.toolbox.plans import locked
from services.toolbox.refusals import PolicyRefusal


class NotAssignable(Abandon):
    """The approval waits for nobody any more."""

    status: ClassVar[int | None] = 409


def assign(entry: Entry, approval: int, sent: Assignment, person: Person) -> ApprovalView:
    """Ask another group; the same one again changes nothing.

    An approver may, who could decide it too: not for the own task, and within the tenant.
    """
    row = reachable(entry, approval, person)
    plan = locked(entry, row.task)
    entry.session.refresh(row, with_for_update=True)
    check_person(row, plan, person)
    if APPROVER not in person.roles:
        says = f"{person.name} is no approver; who is only in a group gives nothing away."
        raise PolicyRefusal(says, "NotAnApprover")
    if row.state != "waiting" or overdue(entry, row):
        says = f"Approval {row.id} is {row.state} or has expired; nobody is asked any more."
        raise NotAssignable(says, cause="policy")
    if row.group != sent.group:
        before, row.group = row.group, sent.group
        row.asked = row.asked | {"group": sent.group}
        owe_request(entry, row)
        body: Fields = {"approval": row.id, "before": before, "after": sent.group}
        said: Fields = {"by": person.name, "why": sent.why}
        entry.record("console", "approval-assigned", row.task, body | said)
        entry.session.flush()
    return view(entry, row)
