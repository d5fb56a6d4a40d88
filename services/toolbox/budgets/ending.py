"""How a reservation ends: settled, released, or at its worst case when its end is unknown."""

from datetime import datetime

from sqlalchemy import select, update

from quartet.contracts.base import Fields, Name
from quartet.contracts.budget import Release, ReservationId
from quartet.contracts.effect import Settlement
from services.toolbox.budgets.accounts import accounts_of, move
from services.toolbox.budgets.opening import budgeted
from services.toolbox.budgets.standing import Use, nano, usd
from services.toolbox.budgets.tables import ReservationRow
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.refusals import PolicyRefusal

AT_ONCE = 100


def settle(entry: Entry, producer: Name, sent: Settlement) -> None:
    """End a reservation with what the call used; again, and nothing changes.

    One that was closed at its worst case stays so: the late settlement is recorded only.
    """
    row = _own(entry, producer, sent)
    cost = nano(sent.spend.cost_usd)
    tokens = sent.spend.input_tokens + sent.spend.output_tokens
    if _ended(entry, row, "open", "settled", usd_nano=cost, tokens=tokens):
        _move(entry, row, use_of(row, cost, tokens))
        if cost > row.worst_usd_nano or tokens > row.worst_tokens:
            _record(entry, row, "budget-overrun", sent.spend.model_dump(mode="json"))
    elif _ended(entry, row, "unknown", "late"):
        _record(entry, row, "settled-late", sent.spend.model_dump(mode="json"))


def release(entry: Entry, producer: Name, sent: Release) -> bool:
    """End a reservation whose call was not made; return whether it was still open."""
    row = entry.session.get(ReservationRow, sent.reservation)
    if row is None or (row.producer, row.task) != (producer, sent.task):
        raise _not_reserved(sent.reservation)
    released = _ended(entry, row, "open", "released")
    if released:
        _move(entry, row, Use())
    return released


def end_at_worst(entry: Entry, reservation: ReservationId) -> None:
    """Settle a call that has cost what was reserved for it."""
    row = entry.session.get_one(ReservationRow, reservation)
    cost, tokens = row.worst_usd_nano, row.worst_tokens
    if _ended(entry, row, "open", "settled", usd_nano=cost, tokens=tokens):
        _move(entry, row, use_of(row, cost, tokens))


def close_unknown(entry: Entry, row: ReservationRow, why: str) -> bool:
    """End a reservation at its worst case; return whether this call did it."""
    worst = {"usd_nano": row.worst_usd_nano, "tokens": row.worst_tokens}
    if not _ended(entry, row, "open", "unknown", **worst):
        return False
    _move(entry, row, use_of(row, row.worst_usd_nano, row.worst_tokens))
    _record(entry, row, "call-end-unknown", {"why": why, "cost_usd": usd(row.worst_usd_nano)})
    return True


def close_overdue(ledger: Ledger, now: datetime) -> int:
    """Settle at worst case what should have ended before ``now``; return how many were closed."""

    def work(entry: Entry) -> int:
        due = (ReservationRow.state == "open") & (ReservationRow.expires_at < now)
        rows = entry.session.scalars(select(ReservationRow).where(due).limit(AT_ONCE)).all()
        return sum(close_unknown(entry, row, "no settlement came in time") for row in rows)

    with ledger.read() as entry:
        due = (ReservationRow.state == "open") & (ReservationRow.expires_at < now)
        if entry.session.scalar(select(ReservationRow.id).where(due).limit(1)) is None:
            return 0
    return ledger.settled(work)


def _own(entry: Entry, producer: Name, sent: Settlement) -> ReservationRow:
    """Return the reservation of a settlement; raises PolicyRefusal for that of another call."""
    row = entry.session.get(ReservationRow, sent.reservation) if sent.reservation else None
    names = (producer, sent.task, sent.subtask, sent.attempt, sent.caller, sent.tool)
    if row is None or (*names, sent.arguments_digest) != (
        row.producer,
        row.task,
        row.subtask,
        row.attempt,
        row.caller,
        row.name,
        row.arguments_digest,
    ):
        raise _not_reserved(sent.reservation)
    return row


def _not_reserved(reservation: str | None) -> PolicyRefusal:
    return PolicyRefusal(
        f"{reservation or 'No reservation'} is not that of this call. Reserve each call before "
        "it is made, and settle it with its own reservation.",
        "NotReserved",
    )


def _ended(entry: Entry, row: ReservationRow, before: str, after: str, **came_to: int) -> bool:
    """Move a reservation on if it still is in a state; of many who try, one does."""
    done = entry.session.execute(
        update(ReservationRow)
        .where(ReservationRow.id == row.id, ReservationRow.state == before)
        .values(state=after, ended_at=entry.now, **came_to)
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _move(entry: Entry, row: ReservationRow, spent: Use) -> None:
    accounts = accounts_of(budgeted(entry, row.task), row.caller, row.day)
    move(entry, accounts, use_of(row, row.worst_usd_nano, row.worst_tokens), spent)


def use_of(row: ReservationRow, usd_nano: int, tokens: int) -> Use:
    """Return what one call of this kind uses at that cost."""
    model = row.kind == "model"
    return Use(usd_nano, tokens, int(model), int(not model))


def _record(entry: Entry, row: ReservationRow, kind: str, more: Fields) -> None:
    body: Fields = {
        "reservation": row.id,
        "subtask": row.subtask,
        "attempt": row.attempt,
        "caller": row.caller,
        "name": row.name,
        "arguments_digest": row.arguments_digest,
    }
    entry.record("toolbox", kind, row.task, body | more)
