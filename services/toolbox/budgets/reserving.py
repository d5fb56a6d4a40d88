"""Reserving the worst case of a call before it is made; what ends a reservation is in ending.

A refusal is returned, not raised: the transaction that records it commits.
"""

from datetime import timedelta

from sqlalchemy import select

from quartet.contracts.base import Digest, Fields, Name
from quartet.contracts.budget import ASKED, BUSY, EXCEEDED, Budgets, Reserve, Reserved
from quartet.packs.manifest import Manifest
from quartet.resilience.failures import Failing, RetryLater
from quartet.trust.digest import digest
from services.toolbox.budgets.accounts import Account, Full, accounts_of, take
from services.toolbox.budgets.ending import close_unknown, use_of
from services.toolbox.budgets.opening import budgeted
from services.toolbox.budgets.standing import Fit, Standing, Use, nano, shown, usd
from services.toolbox.budgets.tables import BudgetedTaskRow, ReservationRow
from services.toolbox.ledger import Entry
from services.toolbox.monitor.watching import put_off
from services.toolbox.refusals import PolicyRefusal

GRACE = timedelta(seconds=30)
"""How long after a call's time-out its settlement may still come."""
A_PERSON = "a person"


def reserve(entry: Entry, manifest: Manifest, producer: Name, sent: Reserve) -> Reserved | Failing:
    """Reserve a call's worst case on its four accounts; return the refusal when one is full.

    The same call still open means that nobody knows how it ended: it is settled at its worst
    case first, so every attempt pays for itself.
    """
    task = budgeted(entry, sent.task)
    call = call_of(sent)
    last = _last(entry, call)
    row = _row(entry, producer, sent, call, last.number + 1 if last else 1)
    refused = put_off(entry, manifest.watch, row)
    if refused is not None:
        wait(entry, task, row.caller)
        return refused
    if last is not None and last.state == "open":
        close_unknown(entry, last, "it was asked for again")
    refused = taken(entry, manifest.budgets, task, row)
    if refused is not None:
        return refused
    entry.session.add(row)
    entry.session.flush()
    return Reserved(reservation=row.id)


def taken(
    entry: Entry, budgets: Budgets, task: BudgetedTaskRow, row: ReservationRow
) -> Failing | None:
    """Take a call's worst case from its accounts; return why not, with nothing taken."""
    accounts = accounts_of(task, row.caller, row.day)
    use = use_of(row, row.worst_usd_nano, row.worst_tokens)
    try:
        take(entry, accounts, use, budgets)
    except Full as full:
        return _refusal(entry, task, full, use)
    if task.waits_for is not None:
        task.waits_for = task.waits_since = None
    return None


def call_of(sent: Reserve) -> Digest:
    """Return the digest that two reservations of one and the same call share."""
    return digest(
        {
            "task": sent.task,
            "subtask": sent.subtask,
            "attempt": sent.attempt,
            "caller": sent.caller,
            "name": sent.name,
            "arguments": sent.arguments_digest,
        }
    )


def _last(entry: Entry, call: Digest) -> ReservationRow | None:
    query = select(ReservationRow).where(ReservationRow.call == call)
    return entry.session.scalar(query.order_by(ReservationRow.number.desc()).limit(1))


def _row(entry: Entry, producer: Name, sent: Reserve, call: Digest, number: int) -> ReservationRow:
    name = digest({"call": call, "number": number}).removeprefix("sha256:")[:24]
    return ReservationRow(
        id=f"res-{name}",
        call=call,
        number=number,
        producer=producer,
        day=f"{entry.now:%Y-%m-%d}",
        state="open",
        worst_usd_nano=nano(sent.cost_usd),
        worst_tokens=sent.tokens,
        opened_at=entry.now,
        expires_at=entry.now + timedelta(seconds=sent.timeout_s) + GRACE,
        **sent.model_dump(exclude={"asked", "cost_usd", "tokens", "timeout_s"}),
    )


def _refusal(entry: Entry, task: BudgetedTaskRow, full: Full, use: Use) -> Failing:
    fit, measure = full.standing.fit(use)
    says = _says(full.account, full.standing, use, measure)
    if fit == "asks" and task.answer != "refused":
        return _ask(entry, task, full.standing, says)
    if fit in ("fits", "busy"):
        return RetryLater(
            f"{says} Calls in flight hold the rest; it is tried again when they have ended.",
            cause="policy",
            title=BUSY,
            after=2.0,
        )
    entry.record("toolbox", "budget-refused", task.task, _body(full.account, fit, says))
    return PolicyRefusal(f"{says} The limit is hard, so the task ends here.", EXCEEDED)


def _ask(entry: Entry, task: BudgetedTaskRow, standing: Standing, says: str) -> Failing:
    """Have a person asked for more money, once; the call waits until one has answered."""
    soft = usd(standing.soft_usd_nano or 0)
    says = f"{says} From {soft} US dollars on a person is asked: `quartet budget allow`."
    note_asked(entry, task, says)
    return RetryLater(says, cause="policy", title=ASKED, after=1.0)


def note_asked(entry: Entry, task: BudgetedTaskRow, says: str) -> None:
    """Note once that a person is asked for more money for a task."""
    if task.asked_at is None:
        task.asked_at = entry.now
        entry.record("toolbox", "budget-asked", task.task, {"says": says})
    wait(entry, task, A_PERSON)


def wait(entry: Entry, task: BudgetedTaskRow, whom: str) -> None:
    """Note for whom a task's calls wait, and since when."""
    if task.waits_for != whom:
        task.waits_for, task.waits_since = whom, entry.now


def _says(account: Account, standing: Standing, use: Use, measure: str) -> str:
    whose = f"{account.scope} {account.name}" + (f" on {account.day}" if account.day else "")
    if not measure:
        return f"The budget of {whose} was full a moment ago."
    amounts = (getattr(u, measure) for u in (use, standing.spent, standing.reserved))
    more, spent, held = (shown(measure, amount) for amount in amounts)
    limit = shown(measure, standing.limits[measure])
    return (
        f"The budget of {whose} allows {limit}; {spent} spent, {held} reserved, {more} more asked."
    )


def _body(account: Account, fit: Fit, says: str) -> Fields:
    return {**account._asdict(), "fit": fit, "says": says}
