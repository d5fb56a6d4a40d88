"""Transactions on the ledger: one at a time on SQLite, by locks and constraints on Postgres."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from quartet.contracts.base import Fields, Name
from quartet.packs.load import Pack
from quartet.service.database import READING, Holding, connect, migrate, told
from quartet.service.settings import LOCAL_SUITE
from quartet.trust.sensitive import masked_fields
from services.toolbox.audit.records import record_of
from services.toolbox.audit.sequence import append
from services.toolbox.tables import AuditRow, ManualCaseRow, PlanRow, PostingRow

Got = TypeVar("Got")
HERE = Path(__file__).parent
TRIES = 8
LEFT_OUT = "left-out"
"""The kind of case of an effect that an operation left out."""


def utc_now() -> datetime:
    """Return the moment, UTC."""
    return datetime.now(UTC)


@dataclass
class Entry:
    """One open transaction: its session, its moment, and what is written or done at its end."""

    session: Session
    now: datetime
    files: Path
    suite: str = LOCAL_SUITE
    records: list[AuditRow] = field(default_factory=list)
    acts: list[Callable[[], None]] = field(default_factory=list)

    def record(self, actor: str, kind: str, task: str | None, body: Fields) -> None:
        """Add an audit record; its number is drawn when the transaction ends.

        Account numbers and secrets are masked: the digests in it name what it is about.
        """
        plain = masked_fields(body)
        made = record_of(self.session, self.now, self.suite, actor, kind, task, plain)
        self.records.append(made)

    def number_records(self) -> None:
        """Draw the next numbers of the one sequence, under the lock of its head."""
        if self.records:
            append(self.session, self.records)


@dataclass(frozen=True)
class Books:
    """The ledger as a tool sees it: satisfies quartet.packs.tool.Books."""

    entry: Entry
    effect: str = ""
    tenant: Name | None = None
    """For whom the tool works; None for the suite itself."""

    @property
    def session(self) -> Session:
        """The open transaction."""
        return self.entry.session

    @property
    def now(self) -> datetime:
        """The moment of the call, UTC."""
        return self.entry.now

    @property
    def files(self) -> Path:
        """The folder for files that operations render."""
        return self.entry.files

    def is_own(self, effect: str) -> bool:
        """Whether an effect is of the tenant that the tool works for; all are to the suite."""
        task = effect.partition("/")[0]
        return self.tenant is None or self.tenant == tenant_of(self.session, task)

    def post(self, debit: str, credit: str, amount: Decimal, currency: str) -> None:
        """Post an amount above zero from one account to another."""
        if amount <= 0:
            raise ValueError(f"a posting is above zero, not {amount}")
        entry = str(uuid4())
        for account, signed in ((debit, amount), (credit, -amount)):
            self.session.add(
                PostingRow(
                    entry=entry,
                    effect=self.effect,
                    account=account,
                    amount=signed,
                    currency=currency,
                    at=self.now,
                )
            )

    def list_left_out(self, says: Mapping[str, str]) -> None:
        """List exactly these effects as left out; a row that says the same is left alone."""
        listed = select(ManualCaseRow).where(ManualCaseRow.kind == LEFT_OUT)
        rows = {f"{row.task}/{row.slot}": row for row in self.session.scalars(listed)}
        for gone in rows.keys() - says.keys():
            self.session.delete(rows[gone])
        for key, why in says.items():
            row = rows.get(key)
            if row is None:
                task, _, slot = key.partition("/")
                row = ManualCaseRow(task=task, slot=int(slot), kind=LEFT_OUT, says="", at=self.now)
                self.session.add(row)
            if row.says != why[:500]:
                row.says = why[:500]

    def afterwards(self, act: Callable[[], None]) -> None:
        """Do this once the transaction is committed."""
        self.entry.acts.append(act)


def tenant_of(session: Session, task: str) -> Name:
    """Return whose a task is, as its plan was registered; nobody's without one."""
    plan = session.get(PlanRow, task)
    return plan.tenant if plan else ""


class Ledger:
    """The ledger's database and the folder of rendered files; safe to share between threads."""

    def __init__(
        self,
        engine: Engine,
        files: Path,
        clock: Callable[[], datetime] = utc_now,
        suite: str = LOCAL_SUITE,
    ) -> None:
        """Take the engine, not yet connected, the folder for files, the clock, and whose it is."""
        self._engine, self._files, self._clock, self._suite = engine, files, clock, suite
        self._reading = engine.execution_options(**{READING: True})
        self._writer: AbstractContextManager[object] = nullcontext()
        if engine.dialect.name == "sqlite":
            self._writer = Lock()

    def now(self) -> datetime:
        """Return the moment by the ledger's clock, UTC."""
        return self._clock()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Entry]:
        """Open a transaction whose writes, if any, are rolled back."""
        with told("ledger", "LedgerAway"), Session(self._reading) as session:
            yield Entry(session, self._clock(), self._files, self._suite)
            session.rollback()

    @contextmanager
    def write(self) -> Iterator[Entry]:
        """Open a transaction; it commits at the end, with its audit records numbered last."""
        with told("ledger", "LedgerAway"):
            with self._writer, Holding(self._engine) as session:
                entry = Entry(session, self._clock(), self._files, self._suite)
                yield entry
                session.flush()
                entry.number_records()
                session.commit()
            for act in entry.acts:
                act()

    def settled(self, work: Callable[[Entry], Got]) -> Got:
        """Do the work in one transaction; again when another writer came first with a key.

        The work looks first, so its next run finds what the other one wrote.
        """
        for _ in range(TRIES - 1):
            try:
                with self.write() as entry:
                    return work(entry)
            except IntegrityError:
                continue
        with self.write() as entry:
            return work(entry)


def open_ledger(
    url: str,
    files: Path,
    pack: Pack,
    clock: Callable[[], datetime] = utc_now,
    suite: str = LOCAL_SUITE,
) -> Ledger:
    """Return the ledger, migrated to the newest tables of the toolbox and of the pack."""
    branch = pack.folder / "migrations" / "versions"
    migrate(url, HERE / "migrations", *((branch,) if branch.is_dir() else ()))
    return Ledger(connect(url), files, clock, suite)
