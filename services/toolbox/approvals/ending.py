"""How an approval ends, and its held effect with it, in one transaction; not who ends it."""

from typing import Literal

from sqlalchemy import select

from quartet.contracts.approval import ApprovalState
from quartet.contracts.base import Fields
from services.toolbox.approvals.outbox import owe_decision
from services.toolbox.approvals.tables import OPEN, ApprovalRow
from services.toolbox.duplicates import list_duplicates
from services.toolbox.ledger import Entry
from services.toolbox.tables import EffectRow

Ended = Literal["rejected", "expired", "resolved"]
HELD = "held for approval: "


def open_approval(entry: Entry, task: str, slot: int) -> ApprovalRow | None:
    """Return the approval of an effect key that has not ended, if there is one."""
    return entry.session.scalar(
        select(ApprovalRow).where(
            ApprovalRow.task == task, ApprovalRow.slot == slot, ApprovalRow.state.in_(OPEN)
        )
    )


def end(entry: Entry, row: ApprovalRow, how: Ended, why: str, guidance: str = "") -> None:
    """End an approval and its effect without carrying it out; owe the news of it."""
    _state(entry, row, how)
    effect = entry.session.get_one(EffectRow, (row.task, row.slot))
    effect.guidance = guidance
    end_effect(entry, effect, how, why)
    if how != "resolved":
        list_duplicates(entry, effect)
    owe_decision(entry, row)


def expire(entry: Entry, row: ApprovalRow) -> None:
    """End an approval whose time is over."""
    until = row.use_by or row.expires_at
    why = f"nobody decided until {until.isoformat(timespec='seconds')}"
    if row.state == "approved":
        why = f"approved, and not carried out until {until.isoformat(timespec='seconds')}"
    end(entry, row, "expired", why)
    body: Fields = {"approval": row.id, "slot": row.slot, "call_digest": row.call_digest}
    entry.record("toolbox", "approval-expired", row.task, body | {"why": why})


def overdue(entry: Entry, row: ApprovalRow) -> bool:
    """Return whether the time of an approval is over; what a person took over has no end."""
    limits = {"waiting": row.expires_at, "approved": row.use_by or row.expires_at}
    return row.state in limits and entry.now >= limits[row.state]


def withdraw(entry: Entry, task: str, slot: int, why: str) -> None:
    """Take back the open question about an effect key, if any: whatever is decided is nothing."""
    row = open_approval(entry, task, slot)
    if row is not None:
        _state(entry, row, "withdrawn")
        body: Fields = {"approval": row.id, "slot": slot, "call_digest": row.call_digest}
        entry.record("toolbox", "approval-withdrawn", task, body | {"why": why})


def withdraw_effect(entry: Entry, task: str, slot: int, key: str | None) -> None:
    """Free a held effect whose call is changed: ``key`` is the natural key of the new one."""
    effect = entry.session.get(EffectRow, (task, slot))
    if effect is None or effect.status != "held":
        return
    why = "another call took its place"
    withdraw(entry, task, slot, why)
    end_effect(entry, effect, "rejected", why)
    entry.session.flush()
    if effect.natural_key != key:
        list_duplicates(entry, effect)


def end_effect(entry: Entry, effect: EffectRow, status: Ended, why: str) -> None:
    """End a held effect without carrying it out."""
    effect.status, effect.ended_at = status, entry.now
    effect.says = f"{status}, {why}; {effect.says.removeprefix(HELD)}"[:500]
    body: Fields = {"slot": effect.slot, "call_digest": effect.call_digest, "why": why}
    entry.record("toolbox", f"effect-{status}", effect.task, body)


def _state(entry: Entry, row: ApprovalRow, state: ApprovalState) -> None:
    row.state, row.ended_at = state, entry.now
    entry.session.flush()
