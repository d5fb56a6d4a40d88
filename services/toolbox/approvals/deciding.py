"""What a person may decide on an approval, and what follows; who the person is was verified."""

import unicodedata
from collections.abc import Iterator
from typing import ClassVar

from sqlalchemy import select

from quartet.contracts.approval import ApprovalDecision, ApprovalView
from quartet.contracts.base import Fields
from quartet.contracts.person import Person
from quartet.resilience.failures import Abandon, Failing
from services.toolbox.approvals.ending import end, overdue
from services.toolbox.approvals.outbox import owe_decision
from services.toolbox.approvals.rules import RULES, Rules
from services.toolbox.approvals.showing import decisions_on, reachable, view
from services.toolbox.approvals.tables import ApprovalRow, DecisionRow
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.plans import locked
from services.toolbox.refusals import PolicyRefusal
from services.toolbox.tables import PlanRow

APPROVER = "approver"


class TooLate(Abandon):
    """The approval is no longer as it was shown."""

    status: ClassVar[int | None] = 409


class Incomplete(Abandon):
    """The decision lacks what it needs."""

    status: ClassVar[int | None] = 422


def decide(
    ledger: Ledger, approval: int, sent: ApprovalDecision, person: Person, rules: Rules = RULES
) -> ApprovalView:
    """Decide an approval as a person; the same decision again changes nothing.

    Raises Failing when this person may not decide this now: nothing changes, and the refusal is
    on record.
    """
    try:
        return ledger.settled(lambda entry: _decided(entry, approval, sent, person, rules))
    except Failing as error:
        if error.failure.title != "LedgerAway":
            with ledger.write() as entry:
                row = entry.session.get(ApprovalRow, approval)
                body: Fields = {
                    "approval": approval,
                    "person": person.model_dump(mode="json"),
                    "decision": sent.model_dump(mode="json"),
                    "failure": error.failure.model_dump(mode="json", exclude={"after_s"}),
                }
                entry.record("console", "decision-refused", row.task if row else None, body)
        raise


def _decided(
    entry: Entry, approval: int, sent: ApprovalDecision, person: Person, rules: Rules
) -> ApprovalView:
    row = reachable(entry, approval, person)
    plan = locked(entry, row.task)
    entry.session.refresh(row, with_for_update=True)
    check_person(row, plan, person)
    if not _said_before(entry, row, sent, person):
        check_moment(entry, row, plan, sent, person)
        _keep(entry, row, sent, person)
        _act(entry, row, sent, person, rules)
        _record(entry, row, sent, person)
    return view(entry, row)


def check_person(row: ApprovalRow, plan: PlanRow | None, person: Person) -> None:
    """Refuse a person who may not decide this approval, whatever the decision.

    A task is also theirs who asked for it and had it run as anonymous.
    """
    if APPROVER not in person.roles and row.group not in person.groups:
        raise PolicyRefusal(
            f"{person.name} is no approver and not in the group {row.group!r}, which is asked.",
            "NotAnApprover",
        )
    if folded(person.name) in askers(row, plan):
        raise PolicyRefusal(
            f"The task of this call is {person.name}'s own; somebody else has to decide.",
            "OwnTask",
        )


def check_moment(
    entry: Entry, row: ApprovalRow, plan: PlanRow | None, sent: ApprovalDecision, person: Person
) -> None:
    """Refuse what comes too late, was made for another call, or lacks its reason."""
    if sent.call_digest != row.call_digest:
        raise TooLate(
            f"The decision is on {sent.call_digest}, and approval {row.id} is on "
            f"{row.call_digest}. Show it again, and decide on what is shown.",
            cause="policy",
            title="OtherCall",
        )
    if plan is None or plan.closed_at is not None:
        says = f"Task {row.task} has ended; whatever is decided, nothing is carried out for it."
        raise TooLate(says, cause="policy", title="TaskClosed")
    if overdue(entry, row):
        says = f"Approval {row.id} has expired at {row.expires_at.isoformat()}. Submit again."
        raise TooLate(says, cause="policy", title="Expired")
    if wrong := next(_wrong(row, sent, person), None):
        raise TooLate(f"Approval {row.id}: {wrong}", cause="policy", title="NotDecidable")
    if sent.decision in ("reject", "resolve") and not sent.reason.strip():
        says = f"Say why: a decision to {sent.decision} needs a reason."
        raise Incomplete(says, cause="data", title="ReasonMissing")


def _wrong(row: ApprovalRow, sent: ApprovalDecision, person: Person) -> Iterator[str]:
    """Give why the state of an approval does not allow a decision."""
    if row.state not in ("waiting", "taken-over"):
        yield f"it is {row.state} already."
    if row.state == "taken-over" and sent.decision != "take-over" and row.taken_by != person.name:
        yield f"{row.taken_by} has taken it over. Take it over yourself first."
    if sent.decision == "approve" and row.tier != "approve":
        yield f"tier {row.tier} is not approved: take it over, then resolve it or return it."
    if sent.decision == "approve" and row.state == "taken-over":
        yield "it was taken over: resolve it by hand, or reject it."
    if sent.decision == "resolve" and row.state != "taken-over":
        yield "take it over before you resolve it by hand, so that nobody else does it too."


def _said_before(entry: Entry, row: ApprovalRow, sent: ApprovalDecision, person: Person) -> bool:
    """Return whether the newest decision is this one of this person: an answer was lost.

    Who approves a second time is counted once, whoever else has approved meanwhile.
    """
    said = decisions_on(entry, row)
    if sent.decision == "approve":
        return any(d.person == person.name and _is(d, sent) for d in said)
    return bool(said) and said[-1].person == person.name and _is(said[-1], sent)


def _is(said: DecisionRow, sent: ApprovalDecision) -> bool:
    told = (said.decision, said.call_digest)
    if sent.decision == "approve":
        return told == (sent.decision, sent.call_digest)
    return (*told, said.reason, said.guidance) == (
        sent.decision,
        sent.call_digest,
        sent.reason,
        sent.guidance,
    )


def _keep(entry: Entry, row: ApprovalRow, sent: ApprovalDecision, person: Person) -> None:
    role = APPROVER if APPROVER in person.roles else row.group
    said = sent.model_dump()
    entry.session.add(
        DecisionRow(approval=row.id, person=person.name, role=role, at=entry.now, **said)
    )
    entry.session.flush()


def _act(
    entry: Entry, row: ApprovalRow, sent: ApprovalDecision, person: Person, rules: Rules
) -> None:
    says = f"by {person.name}: {sent.reason}"
    match sent.decision:
        case "approve":
            _approve(entry, row, rules)
        case "take-over":
            row.state, row.taken_by = "taken-over", person.name
        case "reject":
            end(entry, row, "rejected", says, sent.guidance)
        case "resolve":
            end(entry, row, "resolved", f"by hand, {says}")


def _approve(entry: Entry, row: ApprovalRow, rules: Rules) -> None:
    approve = select(DecisionRow.person).where(
        DecisionRow.approval == row.id, DecisionRow.decision == "approve"
    )
    people = {folded(name) for name in entry.session.scalars(approve)}
    if len(people) >= row.approvers:
        row.state = "approved"
        row.use_by = max(row.expires_at, entry.now + rules.use_within)
        owe_decision(entry, row)


def _record(entry: Entry, row: ApprovalRow, sent: ApprovalDecision, person: Person) -> None:
    body: Fields = {
        "approval": row.id,
        "slot": row.slot,
        "person": person.model_dump(mode="json"),
        "state": row.state,
    }
    entry.record("console", "approval-decided", row.task, body | sent.model_dump(mode="json"))


def askers(row: ApprovalRow, plan: PlanRow | None) -> set[str]:
    """Return the folded names of those whose task it is, and who therefore decide nothing of it."""
    return {folded(name) for name in (row.requester, plan.asked_by if plan else "") if name}


def folded(name: str) -> str:
    """Return a name so that other spellings of it are the same person."""
    return unicodedata.normalize("NFKC", name).strip().casefold()
