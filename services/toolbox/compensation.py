"""Undoing a task: applied effects newest first, held ones freed, the rest listed for a person."""

from sqlalchemy import select

from quartet.contracts.base import Fields
from quartet.contracts.effect import Undo, Undone
from quartet.packs.load import Pack
from quartet.packs.tool import CannotUndo
from services.toolbox.approvals.ending import end_effect, withdraw
from services.toolbox.duplicates import list_duplicates
from services.toolbox.ledger import Books, Entry
from services.toolbox.plans import locked
from services.toolbox.policy.caps import uncount
from services.toolbox.tables import EffectRow, ManualCaseRow


def compensate(entry: Entry, pack: Pack, sent: Undo) -> Undone:
    """Undo what can be undone and close the task for commits; again, and nothing changes."""
    plan = locked(entry, sent.task)
    if plan is not None and plan.closed_at is None:
        plan.closed_at = entry.now
        entry.record("coordinator", "task-closed", sent.task, {"why": sent.why})
    rows = entry.session.scalars(
        select(EffectRow)
        .where(EffectRow.task == sent.task)
        .order_by(EffectRow.claimed_at.desc(), EffectRow.slot.desc())
    ).all()
    for row in rows:
        if row.status == "held":
            _free_held(entry, row, sent.why)
        if row.status in ("applied", "resolved") and not _listed(entry, row):
            _undo(entry, pack, row, sent.why)
    entry.session.flush()
    cases = entry.session.scalars(
        select(ManualCaseRow)
        .where(ManualCaseRow.task == sent.task, ManualCaseRow.kind == "not-undone")
        .order_by(ManualCaseRow.slot.desc())
    )
    undone = tuple(r.slot for r in rows if r.status == "compensated")
    return Undone(undone=undone, manual=tuple(c.says for c in cases))


def _listed(entry: Entry, row: EffectRow) -> bool:
    return entry.session.get(ManualCaseRow, (row.task, row.slot, "not-undone")) is not None


def _free_held(entry: Entry, row: EffectRow, why: str) -> None:
    withdraw(entry, row.task, row.slot, why)
    end_effect(entry, row, "rejected", f"the task was undone ({why})")
    list_duplicates(entry, row)


def _undo(entry: Entry, pack: Pack, row: EffectRow, why: str) -> None:
    try:
        with entry.session.begin_nested():
            _run(entry, pack, row)
    except CannotUndo as error:
        says = f"{row.says}: cannot be undone, {error}"[:500]
        entry.session.add(
            ManualCaseRow(task=row.task, slot=row.slot, kind="not-undone", says=says, at=entry.now)
        )
        entry.record("toolbox", "case-not-undone", row.task, {"slot": row.slot, "says": says})
        return
    uncount(entry, row.task, row.slot)
    row.status, row.ended_at = "compensated", entry.now
    row.says = f"undone ({why}): {row.says}"[:500]
    _record(entry, row, why)
    list_duplicates(entry, row)


def _record(entry: Entry, row: EffectRow, why: str) -> None:
    body: Fields = {"slot": row.slot, "call_digest": row.call_digest, "why": why}
    entry.record("toolbox", f"effect-{row.status}", row.task, body)


def _run(entry: Entry, pack: Pack, row: EffectRow) -> None:
    tool = pack.tools.get(row.tool)
    if row.status == "resolved":
        raise CannotUndo("a person did it by hand, and has to undo it by hand")
    if tool is None or tool.effect is None or tool.effect.compensate is None:
        raise CannotUndo(f"{row.tool} has no compensation")
    arguments = tool.arguments.model_validate(row.arguments)
    result = tool.result.model_validate(row.result)
    tool.effect.compensate(arguments, result, Books(entry, f"{row.task}/{row.slot}"))
