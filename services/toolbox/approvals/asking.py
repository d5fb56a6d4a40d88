"""Asking people about a held call, and whether they have approved it; deciding is elsewhere."""

from datetime import timedelta
from typing import ClassVar

from sqlalchemy import func, select

from quartet.contracts.base import Fields
from quartet.contracts.policy import Ruling, rank
from quartet.resilience.failures import Abandon
from services.toolbox.approvals.ending import expire, open_approval, overdue, withdraw
from services.toolbox.approvals.evidence import Matter, asked
from services.toolbox.approvals.outbox import owe_request
from services.toolbox.approvals.rules import RULES, Rules
from services.toolbox.approvals.tables import OPEN, ApprovalRow
from services.toolbox.ledger import Entry
from services.toolbox.refusals import PolicyRefusal
from services.toolbox.tables import EffectRow

ASKED_BY_AGENT = "the agent asks: "
DAY = timedelta(days=1)


class TooManyWait(Abandon):
    """So many approvals wait that nobody would read another."""

    status: ClassVar[int | None] = 429


def raised(ruling: Ruling, asks: str) -> Ruling:
    """Return the ruling on a call about which its agent asks a person something."""
    if not asks:
        return ruling
    tier = ruling.tier if rank(ruling.tier) >= rank("approve") else "approve"
    why = (*ruling.reasons, f"{ASKED_BY_AGENT}{asks}"[:500])
    return ruling.model_copy(
        update={"tier": tier, "approvers": max(ruling.approvers, 1), "reasons": why}
    )


def granted(entry: Entry, row: EffectRow | None, matter: Matter, rules: Rules = RULES) -> bool:
    """Return whether exactly this call may be carried out now; its approval is used up by it.

    ``row`` is the effect that is held already, if it is. The ruling is today's: where it asks for
    more than was approved, people are asked again.
    """
    if row is None:
        return matter.ruling.tier in ("autonomous", "notify")
    found = open_approval(entry, row.task, row.slot)
    if found is None:
        ask(entry, matter, rules)
        return False
    if overdue(entry, found):
        expire(entry, found)
        return False
    if found.state != "approved":
        return False
    if not _covers(found, matter):
        withdraw(entry, row.task, row.slot, "the policy asks for more than was approved")
        ask(entry, matter, rules)
        return False
    _use(entry, found)
    return True


def ask(entry: Entry, matter: Matter, rules: Rules = RULES) -> None:
    """Ask people about a held call, in the transaction that holds it.

    Raises TooManyWait when this requester has too many questions open already.
    """
    sent, ruling = matter.sent, matter.ruling
    if ruling.tier not in ("approve", "escalate"):
        says = f"Nobody can approve {matter.call.tool.name} at tier {ruling.tier}."
        raise PolicyRefusal(says, "Denied")
    _check_room(entry, matter, rules)
    shown = asked(entry, matter, rules)
    row = ApprovalRow(
        **shown.model_dump(include=_SHARED),
        state="waiting",
        asked=shown.model_dump(mode="json"),
    )
    entry.session.add(row)
    entry.session.flush()
    owe_request(entry, row)
    body: Fields = {
        "approval": row.id,
        "slot": sent.slot,
        "call_digest": row.call_digest,
        "ruling": ruling.model_dump(mode="json"),
        "expires_at": row.expires_at.isoformat(),
    }
    entry.record("toolbox", "approval-asked", sent.task, body)


_SHARED = {
    *("task", "slot", "subtask", "attempt", "tool", "call_digest", "tier", "approvers", "group"),
    *("version", "requester", "tenant", "asked_at", "expires_at"),
}


def _covers(found: ApprovalRow, matter: Matter) -> bool:
    """Return whether what was approved is exactly this call, at least at today's tier."""
    ruling = matter.ruling
    return (
        found.call_digest == matter.call.call_digest
        and rank(ruling.tier) <= rank(found.tier)
        and ruling.approvers <= found.approvers
    )


def _use(entry: Entry, found: ApprovalRow) -> None:
    found.state, found.ended_at = "used", entry.now
    entry.session.flush()
    body: Fields = {"approval": found.id, "slot": found.slot, "call_digest": found.call_digest}
    entry.record("toolbox", "approval-used", found.task, body)


def _check_room(entry: Entry, matter: Matter, rules: Rules) -> None:
    requester, task = matter.plan.requester, matter.sent.task
    waiting = ApprovalRow.state.in_(OPEN)
    mine = ApprovalRow.requester == requester
    count = select(func.count()).select_from(ApprovalRow)
    full = {
        f"task {task}": (
            count.where(waiting, ApprovalRow.task == task),
            rules.waiting_per_task,
        ),
        f"requester {requester!r}": (count.where(waiting, mine), rules.waiting_per_requester),
        f"requester {requester!r} in a day": (
            count.where(mine, ApprovalRow.asked_at > entry.now - DAY),
            rules.asked_per_day,
        ),
    }
    for whose, (query, most) in full.items():
        if (entry.session.scalar(query) or 0) >= most:
            raise TooManyWait(
                f"{whose} has asked for {most} approvals, the most there may be. Decide those "
                "that wait (`quartet approvals list`), then submit again.",
                cause="policy",
                title="TooManyApprovals",
            )
