"""Telling people of an effect of tier notify: it acts, and stands in their list of cases."""

from quartet.contracts.policy import Ruling
from services.toolbox.ledger import Entry
from services.toolbox.tables import EffectRow, ManualCaseRow


def tell(entry: Entry, row: EffectRow, ruling: Ruling) -> None:
    """List an applied effect for people, in the transaction that applies it."""
    says = f"done, and told: {row.says} ({'; '.join(ruling.reasons)})"[:500]
    entry.session.merge(
        ManualCaseRow(task=row.task, slot=row.slot, kind="told", says=says, at=entry.now)
    )
    entry.record("toolbox", "case-told", row.task, {"slot": row.slot, "says": says})
