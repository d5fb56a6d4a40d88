"""The invariants of payments, runs and their files, computed from the rows alone."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from packs.payables.billing import Billed, Claim, billed_of, find_order
from packs.payables.due import above_order
from packs.payables.ledger import PaymentRow, RunItemRow, RunRow, TransferRow
from packs.payables.payment_run import file_of

ZERO = Decimal(0)


def problems(session: Session, files: Path, applied: Collection[str]) -> tuple[str, ...]:
    """Return every broken invariant in words.

    ``applied`` are the keys of the applied effects that schedule a payment or a credit.
    """
    return (
        *_effects(session, applied),
        *_counted(session),
        *_received(session),
        *_credited(session),
        *_runs(session, files),
    )


def _effects(session: Session, applied: Collection[str]) -> Iterator[str]:
    """Every applied effect is one payment that was not cancelled, and the other way round."""
    live = select(PaymentRow.effect).where(PaymentRow.status != "cancelled")
    rows = set(session.scalars(live))
    yield from (f"{key} is applied and is no payment" for key in sorted(set(applied) - rows))
    yield from (f"{key} is a payment and is not applied" for key in sorted(rows - set(applied)))


def _counted(session: Session) -> Iterator[str]:
    """Hold what payments and credits say was counted against their items in runs."""
    counted: dict[str, list[Decimal]] = defaultdict(list)
    for item in session.scalars(select(RunItemRow)):
        counted[item.effect].append(item.amount)
    for row in session.scalars(select(PaymentRow)):
        amounts = counted[row.effect]
        if sum(amounts, ZERO) != row.used or row.used > row.amount:
            yield f"{row.effect} of {row.amount} is counted {amounts}, and says {row.used}"
        if (row.status == "settled") != (row.used == row.amount):
            yield f"{row.effect} is {row.status} with {row.used} of {row.amount} counted"
        if row.kind == "payment" and len(amounts) > 1:
            yield f"payment {row.effect} is in {len(amounts)} runs"
        if row.status == "cancelled" and amounts:
            yield f"{row.effect} is cancelled and in a run"


def _received(session: Session) -> Iterator[str]:
    """Hold what live payments, or credits, bill of each order against what was received of it.

    An order of which less was received later on, a corrected receipt, is told here too.
    """
    live = (
        select(PaymentRow.order, PaymentRow.kind)
        .where(PaymentRow.order.is_not(None), PaymentRow.status != "cancelled")
        .distinct()
    )
    for number, kind in session.execute(live.order_by(PaymentRow.order, PaymentRow.kind)):
        ordered = find_order(session, number)
        if ordered is None:
            yield f"{kind}s bill order {number}, which is not there"
            continue
        billed = billed_of(session, ordered.order.number, kind=kind)
        together = Claim("", "", billed.quantities, billed.net, billed.due, kind)
        yield from (f"{number}: {over}" for over in above_order(ordered, together, Billed()))


def _credited(session: Session) -> Iterator[str]:
    """Hold what credits of each order have netted off against what runs have paid of it."""
    left: dict[str, Decimal] = defaultdict(Decimal)
    for row in session.scalars(select(PaymentRow).where(PaymentRow.order.is_not(None))):
        left[row.order or ""] += row.used if row.kind == "payment" else -row.used
    yield from (f"{order}: credits exceed payments by {-n}" for order, n in left.items() if n < 0)


def _runs(session: Session, files: Path) -> Iterator[str]:
    """Each transfer is payments minus credits, and each run's file is its rows, rendered."""
    for transfer in session.scalars(select(TransferRow)):
        parts = [i.amount if i.payment.kind == "payment" else -i.amount for i in transfer.items]
        if sum(parts, ZERO) != transfer.amount or transfer.amount < 0:
            yield f"transfer {transfer.run}/{transfer.position} of {transfer.amount}: {parts}"
        if any(i.payment.iban != transfer.iban for i in transfer.items):
            yield f"transfer {transfer.run}/{transfer.position} goes to another account"
    for run in session.scalars(select(RunRow)):
        path, content = files / f"{run.message}.xml", file_of(session, run)
        if content is not None and (not path.is_file() or path.read_bytes() != content):
            yield f"{path.name} is missing or is not what its run says"
    known = {f"{message}.xml" for message in session.scalars(select(RunRow.message))}
    there = {p.name for p in files.glob("*.xml")} if files.is_dir() else set()
    yield from (f"{name} belongs to no run" for name in sorted(there - known))
