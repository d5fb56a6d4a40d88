"""The ledger itself: migrations, transactions, the checker's eyes, jobs."""

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, select, update

from packs.payables.ledger import Base as Payables
from packs.payables.ledger import BilledRow, PaymentRow
from quartet.packs.load import load
from quartet.packs.manifest import Job
from quartet.resilience.failures import RetryLater
from quartet.service.database import connect
from services.toolbox.jobs import registered
from services.toolbox.ledger import Books, open_ledger
from services.toolbox.tables import AuditRow, Base, EffectRow, PostingRow
from tests.unit.toolbox_desk import OLGA, Desk, invoice, opened, task


@pytest.fixture
def desk(ledger_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened(ledger_url, tmp_path) as desk:
        yield desk


@pytest.mark.parametrize("tables", [Base, Payables])
def test_migrations_make_the_tables_that_the_code_has(
    database_url: str, tmp_path: Path, tables: type[Base] | type[Payables]
) -> None:
    open_ledger(database_url, tmp_path, load("payables")).close()
    mine = set(tables.metadata.tables)

    engine = connect(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda _o, name, kind, *_: kind != "table" or name in mine,
                "compare_type": False,
            },
        )
        differences = compare_metadata(context, tables.metadata)
    engine.dispose()

    assert differences == []


def test_a_ledger_opened_again_keeps_what_is_in_it(ledger_url: str, tmp_path: Path) -> None:
    with opened(ledger_url, tmp_path) as desk:
        desk.pay(task(1), invoice())

    with opened(ledger_url, tmp_path) as desk:
        assert desk.pay(task(2), invoice()).status == "duplicate"
        assert desk.problems() == ()


def test_a_transaction_that_fails_leaves_nothing_and_does_nothing_afterwards(desk: Desk) -> None:
    done: list[str] = []

    def work() -> None:
        with desk.ledger.write() as entry:
            entry.record("toolbox", "test", None, {})
            Books(entry).post("a", "b", Decimal("1.00"), "EUR")
            Books(entry).afterwards(lambda: done.append("done"))
            raise KeyError

    with pytest.raises(KeyError):
        work()

    assert done == []
    assert desk.problems() == ()
    with desk.ledger.read() as entry:
        assert entry.session.scalars(select(PostingRow)).all() == []


def test_what_a_reader_writes_is_not_kept(desk: Desk) -> None:
    with desk.ledger.read() as entry:
        Books(entry).post("a", "b", Decimal("1.00"), "EUR")
        entry.session.flush()

    with desk.ledger.read() as entry:
        assert entry.session.scalars(select(PostingRow)).all() == []


def test_a_posting_of_nothing_is_a_mistake(desk: Desk) -> None:
    with pytest.raises(ValueError, match="above zero"), desk.ledger.write() as entry:
        Books(entry).post("a", "b", Decimal(0), "EUR")


def test_a_third_place_never_becomes_money(desk: Desk) -> None:
    with desk.ledger.read() as entry:
        Books(entry).post("a", "b", Decimal("0.005"), "EUR")

        with pytest.raises(Exception, match="more than two places"):
            entry.session.flush()


def test_a_database_that_is_locked_too_long_asks_for_a_later_try(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with opened(url, tmp_path) as desk:
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        with desk.ledger.read() as entry:
            entry.session.connection().exec_driver_sql("PRAGMA busy_timeout=1")
        other.execute("BEGIN IMMEDIATE")

        answer = desk.http.post(
            "/callers/console/operations/load_sample_books", json={}, headers=OLGA
        )
        other.execute("ROLLBACK")
        other.close()

    assert answer.status_code == 503
    assert answer.json()["title"] == "LedgerAway"
    assert answer.headers["retry-after"] == "1"


CHANGES = {
    "has a gap": delete(AuditRow).where(AuditRow.sequence == 2),
    "was changed": update(AuditRow).values(record=b"{}").where(AuditRow.kind == "plan-registered"),
    "is not in effects": delete(EffectRow),
    "without effect-held on record": update(EffectRow).values(status="held"),
    "does not balance": update(PostingRow).values(amount=Decimal(7)).where(PostingRow.id == 1),
    "moved nothing": delete(PostingRow),
    "is no payment": update(PaymentRow).values(status="cancelled"),
    "1001 of order line 10 are billed": update(BilledRow).values(quantity=Decimal(1001)),
    "is not applied": update(EffectRow).values(status="compensated"),
    "is counted": update(PaymentRow).values(used=Decimal(1)),
}


@pytest.mark.parametrize("problem", list(CHANGES))
def test_the_checker_sees(desk: Desk, problem: str) -> None:
    desk.pay(task(1), invoice())
    assert desk.problems() == ()

    with desk.ledger.write() as entry:
        entry.session.execute(CHANGES[problem])

    assert any(problem in says for says in desk.problems())


class Away:
    """A scheduler whose sidecar is not there for the first few tries."""

    def __init__(self, misses: int) -> None:
        self.misses, self.done, self.asked = misses, Event(), 0

    def schedule(self, job: str, schedule: str) -> None:
        self.asked += 1
        if self.asked <= self.misses:
            raise RetryLater(f"{job} {schedule}: not yet", cause="network", title="SidecarAway")
        self.done.set()


def test_jobs_are_registered_as_soon_as_the_sidecar_is_there() -> None:
    scheduler = Away(misses=3)
    jobs = (Job(name="cut-off", schedule="@every 24h", operation="close_payment_run"),)

    with registered(jobs, scheduler, again_s=0.01):
        assert scheduler.done.wait(10)

    assert scheduler.asked == 4


def test_a_toolbox_that_stops_no_longer_waits_for_its_sidecar() -> None:
    scheduler = Away(misses=10**9)
    jobs = (Job(name="cut-off", schedule="@every 24h", operation="close_payment_run"),)

    with registered(jobs, scheduler, again_s=3600):
        pass

    assert scheduler.asked <= 1
