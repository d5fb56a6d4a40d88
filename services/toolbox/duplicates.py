"""What becomes of duplicates when the effect they were duplicates of is freed."""

from sqlalchemy import or_, select

from services.toolbox.ledger import Entry
from services.toolbox.tables import EffectRow, ManualCaseRow


def list_duplicates(entry: Entry, freed: EffectRow) -> None:
    """List for a person every effect that was answered as a duplicate of one now freed.

    A duplicate for another tenant names no task: it is of whatever has the natural key.
    """
    if freed.natural_key is None:
        return
    duplicates = entry.session.scalars(
        select(EffectRow).where(
            EffectRow.natural_key == freed.natural_key,
            EffectRow.status == "duplicate",
            or_(EffectRow.duplicate_of == freed.task, EffectRow.duplicate_of.is_(None)),
        )
    )
    for row in duplicates:
        if entry.session.get(ManualCaseRow, (row.task, row.slot, "freed")) is None:
            says = f"{row.says}; that one was freed, so decide whether this is to be done"[:500]
            entry.session.add(
                ManualCaseRow(task=row.task, slot=row.slot, kind="freed", says=says, at=entry.now)
            )
            entry.record("toolbox", "case-freed", row.task, {"slot": row.slot, "says": says})
