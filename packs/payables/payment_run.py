"""Closing a payment run: what is transferred; what nets off is netting's, the file pain001's."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from packs.payables.books import Nothing
from packs.payables.invoice import Part
from packs.payables.leaving_out import LeftOut, leave_out, says
from packs.payables.ledger import (
    CompanyRow,
    PaymentRow,
    RunItemRow,
    RunRow,
    TransferRow,
    VendorRow,
)
from packs.payables.netting import ZERO, Netting, Room, net
from packs.payables.pain001 import render, write
from packs.payables.paying import CLEARING
from quartet.packs.tool import Books, tool
from quartet.resilience.failures import Abandon

Key = tuple[str, str, str]
"""Vendor, currency, account: what one transfer pays."""


class Entry(Part):
    """A payment or credit and how far it is."""

    effect: str
    kind: Literal["payment", "credit"]
    vendor: str
    number: str
    amount: str
    open: str = Field(description="What no closed run has counted yet.")
    currency: str
    iban: str
    status: str
    runs: tuple[str, ...]


class Entries(Part):
    """Payments and credits, oldest first."""

    payments: tuple[Entry, ...]


class Closed(Part):
    """The run that was closed, and what it left out; no run when there was nothing to pay."""

    run: str | None
    transfers: int
    totals: dict[str, str]
    file: str | None
    left_out: tuple[LeftOut, ...] = ()


class Rendered(Part):
    """The payment files that were missing and were written."""

    files: tuple[str, ...]


@tool("operation")
def list_payments(arguments: Nothing, books: Books) -> Entries:
    """List every payment and credit with its state and the runs that counted it."""
    del arguments
    runs: dict[str, list[str]] = defaultdict(list)
    counted = select(RunItemRow.effect, RunRow.message).join(RunRow, RunRow.id == RunItemRow.run)
    for effect, message in books.session.execute(counted.order_by(RunRow.id)):
        runs[effect].append(message)
    rows = books.session.scalars(
        select(PaymentRow).order_by(PaymentRow.scheduled_at, PaymentRow.effect)
    )
    return Entries(payments=tuple(_entry(row, tuple(runs[row.effect])) for row in rows))


def _entry(row: PaymentRow, runs: tuple[str, ...]) -> Entry:
    left = ZERO
    if row.status == "scheduled":
        left = row.amount - row.used
    return Entry(
        effect=row.effect,
        kind=row.kind,
        vendor=row.vendor,
        number=row.number,
        amount=f"{row.amount:.2f}",
        open=f"{left:.2f}",
        currency=row.currency,
        iban=row.iban,
        status=row.status,
        runs=runs,
    )


@tool("operation")
def close_payment_run(arguments: Nothing, books: Books) -> Closed:
    """Close the payment run: net off credits and write the payment file for the bank.

    What is scheduled later goes into the next run. With nothing to pay, nothing is closed. A
    payment whose vendor is not active now, or has another account than when it was scheduled, is
    left out and listed for people: a later run pays it once the vendor master is right again.
    """
    del arguments
    session = books.session
    _check_files_known(books)
    scheduled = _scheduled(session)
    left_out = tuple(leave_out(session, scheduled))
    books.list_left_out({one.effect: says(one) for one in left_out})
    waiting = {one.effect for one in left_out}
    nettings = _nettings(session, [row for row in scheduled if row.effect not in waiting])
    if not nettings:
        return Closed(run=None, transfers=0, totals={}, file=None, left_out=left_out)
    run = _new_run(books)
    totals: dict[str, Decimal] = defaultdict(Decimal)
    for position, (key, netting) in enumerate(nettings.items(), start=1):
        _settle(session, run, position, key, netting)
        totals[key[1]] += netting.amount
    for currency, total in totals.items():
        if total > 0:
            books.post(CLEARING, f"bank:{run.iban}", total, currency)
    session.flush()
    content = file_of(session, run)
    path = books.files / f"{run.message}.xml"
    if content is not None:
        books.afterwards(lambda: write(path, content))
    return Closed(
        run=run.message,
        transfers=sum(n.amount > 0 for n in nettings.values()),
        totals={currency: f"{total:.2f}" for currency, total in totals.items()},
        file=None if content is None else path.name,
        left_out=left_out,
    )


@tool("operation")
def render_payment_files(arguments: Nothing, books: Books) -> Rendered:
    """Write the file of each closed run that is missing, the same bytes as at its close."""
    del arguments
    runs = books.session.scalars(select(RunRow).order_by(RunRow.id)).all()
    missing = [(_path(books, r), r) for r in runs if not _path(books, r).exists()]
    written = []
    for path, run in missing:
        content = file_of(books.session, run)
        if content is not None:
            write(path, content)
            written.append(path.name)
    return Rendered(files=tuple(written))


def _path(books: Books, run: RunRow) -> Path:
    return books.files / f"{run.message}.xml"


def _check_files_known(books: Books) -> None:
    """Raise Abandon for the file of a run that the ledger lacks: it was put back to a time before.

    What that file pays counts as open again, and its name as free.
    """
    there = sorted(path.stem for path in books.files.glob("RUN-*.xml"))
    known = set(books.session.scalars(select(RunRow.message)))
    if lost := [name for name in there if name not in known]:
        raise Abandon(
            f"There is a payment file of run {lost[0]}, which the ledger does not know: the ledger "
            "was put back to a time before it. Find out whether the bank has it, then move the "
            "file away (docs/operations.md, Restore).",
            cause="data",
            title="PaymentFileUnknown",
        )


def _scheduled(session: Session) -> Sequence[PaymentRow]:
    """Return what no closed run has counted wholly, locked, oldest first."""
    return session.scalars(
        select(PaymentRow)
        .where(PaymentRow.status == "scheduled")
        .order_by(PaymentRow.scheduled_at, PaymentRow.effect)
        .with_for_update()
    ).all()


def _nettings(session: Session, rows: Sequence[PaymentRow]) -> dict[Key, Netting]:
    """Return what each transfer of a run of these entries would be."""
    room = Room(session, rows)
    by_key: dict[Key, list[PaymentRow]] = defaultdict(list)
    for row in rows:
        by_key[(row.vendor, row.currency, row.iban)].append(row)
    nettings = {key: net(by_key[key], room) for key in sorted(by_key)}
    return {key: netting for key, netting in nettings.items() if netting.payments}


def _new_run(books: Books) -> RunRow:
    company = books.session.get(CompanyRow, 1)
    if company is None:
        raise Abandon(
            "The ledger has no company to pay from. Load the master data first (load_books).",
            cause="data",
            title="NoCompany",
        )
    number = (books.session.scalar(select(func.max(RunRow.id))) or 0) + 1
    run = RunRow(
        id=number,
        message=f"RUN-{books.now:%Y%m%d}-{number:06d}",
        closed_at=books.now,
        debtor=company.name,
        iban=company.iban,
        bic=company.bic,
    )
    books.session.add(run)
    books.session.flush()
    return run


def _settle(session: Session, run: RunRow, position: int, key: Key, netting: Netting) -> None:
    vendor = session.get_one(VendorRow, key[0])
    transfer = TransferRow(
        run=run.id,
        position=position,
        vendor=vendor.id,
        name=vendor.name,
        iban=key[2],
        bic=vendor.bic,
        currency=key[1],
        amount=netting.amount,
    )
    session.add(transfer)
    session.flush()
    for item, (row, amount) in enumerate((*netting.payments, *netting.credits), start=1):
        row.used += amount
        if row.used == row.amount:
            row.status = "settled"
        session.add(
            RunItemRow(run=run.id, position=position, item=item, effect=row.effect, amount=amount)
        )


def file_of(session: Session, run: RunRow) -> bytes | None:
    """Return the payment file of a closed run; None when credits left nothing to transfer."""
    return render(run, tuple(_transfers(session, run)))


def _transfers(session: Session, run: RunRow) -> Iterator[TransferRow]:
    yield from session.scalars(
        select(TransferRow)
        .where(TransferRow.run == run.id, TransferRow.amount > ZERO)
        .order_by(TransferRow.position)
    )
