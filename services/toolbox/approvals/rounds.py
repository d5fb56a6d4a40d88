"""The rounds of approvals: what is past its time expires, what is owed is published.

One replica at a time makes a round, under a lease; a second one would repeat events, no more.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from quartet.resilience.failures import Failing
from quartet.service.log import get_logger
from quartet.sidecar.ports import Publisher
from services.toolbox.approvals import outbox
from services.toolbox.approvals.ending import expire, overdue
from services.toolbox.approvals.tables import ApprovalRow, LeaseRow, OutboxRow
from services.toolbox.ledger import Entry, Ledger
from services.toolbox.plans import locked

LEASE = timedelta(seconds=10)
NAME = "approvals"
log = get_logger("toolbox.rounds")


@dataclass
class Rounds:
    """A round a second while it holds the lease, and one at once after a poke."""

    ledger: Ledger
    publisher: Publisher
    owner: str = field(default_factory=lambda: secrets.token_hex(8))
    every_s: float | None = 1.0
    """None: no thread makes rounds, somebody calls pass_once."""
    _news: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make rounds in a thread until the block ends."""
        if self.every_s is None:
            yield
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._loop, args=(stop,), name="rounds", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self._news.set()
            thread.join(timeout=15)

    def poke(self) -> None:
        """Make a round now: something is owed."""
        self._news.set()

    def _loop(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._news.wait(self.every_s)
            self._news.clear()
            try:
                self.pass_once()
            except Exception:  # the outermost loop: the next round tries again
                log.exception("a round failed; the next one tries again")

    def pass_once(self) -> None:
        """Make one round, if the lease is ours; what fails is done by the next one."""
        try:
            if self._holds_lease() or self.ledger.settled(self._take_lease):
                self._expire()
                self._publish()
        except Failing as error:
            log.warning("approvals: %s", error.failure.detail)

    def _holds_lease(self) -> bool:
        with self.ledger.read() as entry:
            row = entry.session.get(LeaseRow, NAME)
            return row is not None and (
                row.owner == self.owner and row.until > entry.now + LEASE / 2
            )

    def _take_lease(self, entry: Entry) -> bool:
        if entry.session.get(LeaseRow, NAME) is None:
            entry.session.add(LeaseRow(name=NAME, owner=self.owner, until=entry.now + LEASE))
            return True
        taken = entry.session.execute(
            update(LeaseRow)
            .where(LeaseRow.name == NAME)
            .where((LeaseRow.owner == self.owner) | (LeaseRow.until < entry.now))
            .values(owner=self.owner, until=entry.now + LEASE)
        )
        return bool(taken.rowcount)  # type: ignore[attr-defined]

    def _expire(self) -> None:
        """Expire what is past its time, each in a transaction of its own."""
        with self.ledger.read() as entry:
            late = (ApprovalRow.state == "waiting") & (ApprovalRow.expires_at <= entry.now)
            unused = (ApprovalRow.state == "approved") & (ApprovalRow.use_by <= entry.now)
            query = select(ApprovalRow.id, ApprovalRow.task).where(late | unused).limit(100)
            found = [(approval, task) for approval, task in entry.session.execute(query)]
        for approval, task in found:
            with self.ledger.write() as entry:
                locked(entry, task)
                row = entry.session.get_one(ApprovalRow, approval, with_for_update=True)
                if overdue(entry, row):
                    expire(entry, row)

    def _publish(self) -> None:
        """Publish what is owed, numbered, in order, at least once."""
        with self.ledger.read() as entry:
            fresh = select(OutboxRow.id).where(OutboxRow.number.is_(None)).limit(1)
            if entry.session.scalar(fresh) is None and not outbox.unpublished(entry):
                return
        try:
            with self.ledger.write() as entry:
                outbox.number(entry)
        except IntegrityError:
            return  # another replica has numbered them: it publishes them too
        with self.ledger.read() as entry:
            owed = [
                (row.id, row.topic, row.event, outbox.CONTRACTS[row.topic].model_validate(row.data))
                for row in outbox.unpublished(entry)
            ]
        for row_id, topic, event, data in owed:
            self.publisher.publish(topic, event, data)
            with self.ledger.write() as entry:
                entry.session.get_one(OutboxRow, row_id).published_at = entry.now
